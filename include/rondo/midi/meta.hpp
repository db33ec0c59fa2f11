// SPDX-License-Identifier: MIT
// The meta events that the standard defines: their types, the payloads they must have, and the tempo among them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rondo::inline v0::midi {

namespace meta {
inline constexpr std::uint8_t kSequenceNumber = 0x00;
inline constexpr std::uint8_t kText = 0x01;
inline constexpr std::uint8_t kCopyright = 0x02;
inline constexpr std::uint8_t kTrackName = 0x03;
inline constexpr std::uint8_t kInstrumentName = 0x04;
inline constexpr std::uint8_t kLyric = 0x05;
inline constexpr std::uint8_t kMarker = 0x06;
inline constexpr std::uint8_t kCuePoint = 0x07;
inline constexpr std::uint8_t kChannelPrefix = 0x20;
inline constexpr std::uint8_t kPort = 0x21;
inline constexpr std::uint8_t kEndOfTrack = 0x2F;
inline constexpr std::uint8_t kTempo = 0x51;
inline constexpr std::uint8_t kSmpteOffset = 0x54;
inline constexpr std::uint8_t kTimeSignature = 0x58;
inline constexpr std::uint8_t kKeySignature = 0x59;
}  // namespace meta

inline constexpr std::uint32_t kDefaultTempo =
    500'000;  // microseconds per quarter note: 120 bpm, where a file is silent

/// Microseconds per quarter note that a tempo event's payload sets; 0 if it sets none (wrong length, or zero).
constexpr std::uint32_t tempo(std::span<const std::uint8_t> payload) {
  if (payload.size() != 3) return 0;
  return static_cast<std::uint32_t>(payload[0] << 16 | payload[1] << 8 | payload[2]);
}

/// The payload of a tempo event; microseconds per quarter note, 1..16777215.
constexpr std::array<std::uint8_t, 3> tempo_payload(std::uint32_t microseconds) {
  return {static_cast<std::uint8_t>(microseconds >> 16), static_cast<std::uint8_t>(microseconds >> 8),
          static_cast<std::uint8_t>(microseconds)};
}

/// What is wrong with a meta event's payload; nullptr if nothing is. Such an event has no effect.
constexpr const char* meta_fault(std::uint8_t type, std::span<const std::uint8_t> payload) {
  const std::size_t size = payload.size();
  switch (type) {
    case meta::kSequenceNumber:
      return size == 0 || size == 2 ? nullptr : "sequence number without its 2 bytes";
    case meta::kChannelPrefix:
      if (size != 1) return "channel prefix without its 1 byte";
      return payload[0] < 16 ? nullptr : "channel prefix beyond 15";
    case meta::kPort:
      return size == 1 ? nullptr : "port without its 1 byte";
    case meta::kTempo:
      if (size != 3) return "tempo without its 3 bytes";
      return tempo(payload) != 0 ? nullptr : "tempo of 0 microseconds";
    case meta::kSmpteOffset: {
      if (size != 5) return "SMPTE offset without its 5 bytes";
      constexpr std::array<std::uint8_t, 4> kRates{24, 25, 30, 30};  // frames in a second, by bits 5 and 6 of the hour
      const bool in_range = (payload[0] & 0x80) == 0 && (payload[0] & 0x1F) < 24 && payload[1] < 60 &&
                            payload[2] < 60 && payload[3] < kRates[payload[0] >> 5 & 3] && payload[4] < 100;
      return in_range ? nullptr : "SMPTE offset out of range";
    }
    case meta::kTimeSignature:
      if (size != 4) return "time signature without its 4 bytes";
      return payload[0] != 0 ? nullptr : "time signature with a numerator of 0";
    case meta::kKeySignature: {
      if (size != 2) return "key signature without its 2 bytes";
      const int sharps = static_cast<std::int8_t>(payload[0]);
      if (sharps < -7 || sharps > 7) return "key signature beyond 7 sharps or flats";
      return payload[1] <= 1 ? nullptr : "key signature neither major nor minor";
    }
    default:
      return type < 0x80 ? nullptr : "meta event of a type beyond 127";
  }
}

}  // namespace rondo::inline v0::midi

// SPDX-License-Identifier: MIT
// The meta events of the standard: their types, checks of their payloads, and tempo.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rondo::inline v0::midi {

/// Types of meta events.
namespace meta {
inline constexpr std::uint8_t kSequenceNumber = 0x00;  ///< number of the sequence: 0 or 2 bytes
inline constexpr std::uint8_t kText = 0x01;            ///< any text
inline constexpr std::uint8_t kCopyright = 0x02;       ///< copyright notice: text
inline constexpr std::uint8_t kTrackName = 0x03;       ///< name of the track: text
inline constexpr std::uint8_t kInstrumentName = 0x04;  ///< name of the instrument: text
inline constexpr std::uint8_t kLyric = 0x05;           ///< lyrics: text
inline constexpr std::uint8_t kMarker = 0x06;          ///< marker: text
inline constexpr std::uint8_t kCuePoint = 0x07;        ///< cue point: text
inline constexpr std::uint8_t kChannelPrefix = 0x20;   ///< channel of the following meta events: 1 byte
inline constexpr std::uint8_t kPort = 0x21;            ///< port of the track: 1 byte
inline constexpr std::uint8_t kEndOfTrack = 0x2F;      ///< end of the track: 0 bytes
inline constexpr std::uint8_t kTempo = 0x51;           ///< microseconds per quarter note: 3 bytes
inline constexpr std::uint8_t kSmpteOffset = 0x54;     ///< start time of the track: 5 bytes
inline constexpr std::uint8_t kTimeSignature = 0x58;   ///< time signature: 4 bytes
inline constexpr std::uint8_t kKeySignature = 0x59;    ///< key signature: 2 bytes
}  // namespace meta

/// Tempo of a file before its first tempo event, in microseconds per quarter note: 120 bpm.
inline constexpr std::uint32_t kDefaultTempo = 500'000;

/// Microseconds per quarter note of a tempo event's payload; 0 if the payload is invalid (wrong length, or zero).
constexpr std::uint32_t tempo(std::span<const std::uint8_t> payload) {
  if (payload.size() != 3) return 0;
  return static_cast<std::uint32_t>(payload[0] << 16 | payload[1] << 8 | payload[2]);
}

/// Payload of a tempo event; `microseconds` per quarter note, 1..16777215.
constexpr std::array<std::uint8_t, 3> tempo_payload(std::uint32_t microseconds) {
  return {static_cast<std::uint8_t>(microseconds >> 16), static_cast<std::uint8_t>(microseconds >> 8),
          static_cast<std::uint8_t>(microseconds)};
}

/// Problem of a meta event's payload, or nullptr if it is valid. An invalid event has no effect.
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

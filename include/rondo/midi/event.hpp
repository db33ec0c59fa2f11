// SPDX-License-Identifier: MIT
// One event of a track at its absolute time: 16 bytes for every kind. The bytes of meta and system-exclusive events are
// stored in a buffer of the track (track.hpp); the event has their index.
#pragma once

#include <rondo/midi/time.hpp>

#include <cstdint>

namespace rondo::inline v0::midi {

/// Kind of an event: the upper half of the status byte of a channel voice message, else the whole status byte.
enum class Kind : std::uint8_t {
  note_off = 0x80,          ///< data: pitch, release velocity
  note_on = 0x90,           ///< data: pitch, velocity; velocity 0 is a note-off
  poly_pressure = 0xA0,     ///< data: pitch, pressure
  control_change = 0xB0,    ///< data: controller, value
  program_change = 0xC0,    ///< data: program
  channel_pressure = 0xD0,  ///< data: pressure
  pitch_bend = 0xE0,        ///< data: low and high 7 bits of the bend + 8192
  sysex = 0xF0,             ///< system-exclusive message; the payload is without F0
  escape = 0xF7,            ///< continuation of a system-exclusive message, or raw bytes
  meta = 0xFF,              ///< meta event; data1 is its type
};

/// One event of a track.
struct Event {
  Ticks time{};             ///< from the start of the track
  std::uint8_t status = 0;  ///< as in the file: 0x80..0xEF, 0xF0, 0xF7, 0xFF
  std::uint8_t data1 = 0;   ///< first data byte, 0..127, see Kind; type of a meta event
  std::uint8_t data2 = 0;   ///< second data byte, 0..127, see Kind; 0 if there is none
  /// Meta and system-exclusive events: index of the payload in the track. Channel voice messages: see offset().
  std::uint32_t payload = 0;

  constexpr bool is_channel() const { return status < 0xF0; }  ///< whether this is a channel voice message
  /// Kind of the event.
  constexpr Kind kind() const { return static_cast<Kind>(is_channel() ? status & 0xF0 : status); }
  constexpr std::uint8_t channel() const { return status & 0x0F; }  ///< 0..15
  /// Byte offset in the file of a channel voice message that was read: of its status byte, or of its first data byte
  /// with running status. Modulo 2^32; 0 for all other events.
  constexpr std::uint32_t offset() const { return is_channel() ? payload : 0; }

  /// Whether this is a note-on with a velocity above 0. (`&`, not `&&`: the branch would be unpredictable.)
  constexpr bool is_note_on() const { return ((status & 0xF0) == 0x90) & (data2 != 0); }
  /// Whether this is a note-off, or a note-on with velocity 0, which means the same.
  constexpr bool is_note_off() const { return kind() == Kind::note_off || (kind() == Kind::note_on && data2 == 0); }
  /// Whether this is a meta event of this type.
  constexpr bool is_meta(std::uint8_t type) const { return status == 0xFF && data1 == type; }
  /// Value of a pitch bend, -8192..8191; 0: no bend.
  constexpr int bend() const { return (data1 | data2 << 7) - 8192; }
};
static_assert(sizeof(Event) == 16);

/// Number of data bytes of a channel voice message: 1 for program change and channel pressure, else 2.
constexpr int data_bytes(std::uint8_t status) { return (status & 0xE0) == 0xC0 ? 1 : 2; }

// ---- functions that make channel events

/// A channel voice message; channel 0..15, data 0..127.
constexpr Event channel_event(Ticks time, Kind kind, int channel, int data1, int data2 = 0) {
  return {time, static_cast<std::uint8_t>(static_cast<int>(kind) | (channel & 0x0F)), static_cast<std::uint8_t>(data1),
          static_cast<std::uint8_t>(data2), 0};
}
/// A note-on; channel 0..15, pitch 0..127, velocity 1..127.
constexpr Event note_on(Ticks time, int channel, int pitch, int velocity) {
  return channel_event(time, Kind::note_on, channel, pitch, velocity);
}
/// A note-off; channel 0..15, pitch and release velocity 0..127.
constexpr Event note_off(Ticks time, int channel, int pitch, int velocity = 64) {
  return channel_event(time, Kind::note_off, channel, pitch, velocity);
}
/// A control change; channel 0..15, controller and value 0..127.
constexpr Event control_change(Ticks time, int channel, int controller, int value) {
  return channel_event(time, Kind::control_change, channel, controller, value);
}
/// A pitch bend; channel 0..15, value -8192..8191.
constexpr Event pitch_bend(Ticks time, int channel, int value) {
  return channel_event(time, Kind::pitch_bend, channel, (value + 8192) & 0x7F, (value + 8192) >> 7);
}

}  // namespace rondo::inline v0::midi

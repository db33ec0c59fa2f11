// SPDX-License-Identifier: MIT
// One event of a track at its absolute time: 16 bytes, whatever it is. The bytes of meta and system-exclusive events
// lie in a buffer of the track (track.hpp); the event holds their index.
#pragma once

#include <rondo/midi/time.hpp>

#include <cstdint>

namespace rondo::inline v0::midi {

/// The upper half of a channel voice message's status byte, or the whole status byte of the others.
enum class Kind : std::uint8_t {
  note_off = 0x80,
  note_on = 0x90,
  poly_pressure = 0xA0,
  control_change = 0xB0,
  program_change = 0xC0,
  channel_pressure = 0xD0,
  pitch_bend = 0xE0,
  sysex = 0xF0,   ///< a system-exclusive message without its F0
  escape = 0xF7,  ///< its continuation, or bytes to be sent as they are
  meta = 0xFF,
};

struct Event {
  Ticks time{};             ///< from the start of the track
  std::uint8_t status = 0;  ///< as in the file: 0x80..0xEF, 0xF0, 0xF7, 0xFF
  std::uint8_t data1 = 0;  ///< 0..127: pitch, controller, program, pressure, low bits of a bend; the type of a meta event
  std::uint8_t data2 = 0;  ///< 0..127: velocity, value, pressure, high bits of a bend; 0 where there is none
  std::uint32_t payload = 0;  ///< meta and system-exclusive: which of the track's payloads

  constexpr bool is_channel() const { return status < 0xF0; }
  constexpr Kind kind() const { return static_cast<Kind>(is_channel() ? status & 0xF0 : status); }
  constexpr std::uint8_t channel() const { return status & 0x0F; }  ///< 0..15

  // `&`, not `&&`: no processor can predict which events are notes, and whole files are asked.
  constexpr bool is_note_on() const { return ((status & 0xF0) == 0x90) & (data2 != 0); }
  /// A note-on of velocity 0 is a note-off: it lets files use running status throughout.
  constexpr bool is_note_off() const { return kind() == Kind::note_off || (kind() == Kind::note_on && data2 == 0); }
  constexpr bool is_meta(std::uint8_t type) const { return status == 0xFF && data1 == type; }
  /// -8192..8191, 0 at rest.
  constexpr int bend() const { return (data1 | data2 << 7) - 8192; }
};
static_assert(sizeof(Event) == 16);

/// How many data bytes follow the status byte of a channel voice message: 1 for program and channel pressure.
constexpr int data_bytes(std::uint8_t status) { return (status & 0xE0) == 0xC0 ? 1 : 2; }

// ---- making channel events; channel 0..15, all else 0..127
// -------------------------------------------------------------

constexpr Event channel_event(Ticks time, Kind kind, int channel, int data1, int data2 = 0) {
  return {time, static_cast<std::uint8_t>(static_cast<int>(kind) | (channel & 0x0F)), static_cast<std::uint8_t>(data1),
          static_cast<std::uint8_t>(data2), 0};
}
constexpr Event note_on(Ticks time, int channel, int pitch, int velocity) {
  return channel_event(time, Kind::note_on, channel, pitch, velocity);
}
constexpr Event note_off(Ticks time, int channel, int pitch, int velocity = 64) {
  return channel_event(time, Kind::note_off, channel, pitch, velocity);
}
constexpr Event control_change(Ticks time, int channel, int controller, int value) {
  return channel_event(time, Kind::control_change, channel, controller, value);
}
/// value -8192..8191
constexpr Event pitch_bend(Ticks time, int channel, int value) {
  return channel_event(time, Kind::pitch_bend, channel, (value + 8192) & 0x7F, (value + 8192) >> 7);
}

}  // namespace rondo::inline v0::midi

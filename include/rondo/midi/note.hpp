// SPDX-License-Identifier: MIT
// A note: a note-on with its note-off. The unit of time, Ticks or Seconds, is part of the type.
#pragma once

#include <rondo/midi/time.hpp>

#include <compare>
#include <cstdint>
#include <vector>

namespace rondo::inline v0::midi {

inline constexpr std::uint8_t kSustainPedal = 64;  ///< controller number of the sustain pedal
inline constexpr std::uint8_t kPedalDown = 64;     ///< the sustain pedal is down from this value on

/// A note. Time is Ticks or Seconds.
template <class Time>
struct Note {
  Time start{};                ///< time of the note-on
  Time end{};                  ///< time of the note-off, >= start
  std::uint8_t pitch = 60;     ///< 0..127, 60 is middle C
  std::uint8_t velocity = 64;  ///< 1..127
  std::uint8_t channel = 0;    ///< 0..15; 9 is percussion in General MIDI
  std::uint16_t track = 0;     ///< index of the note's track

  friend auto operator<=>(const Note&, const Note&) = default;
};

/// A change of one controller, for instance CC64, the sustain pedal. Time is Ticks or Seconds.
template <class Time>
struct ControlChange {
  Time time{};                   ///< time of the event
  std::uint8_t controller = 64;  ///< 0..127
  std::uint8_t value = 0;        ///< 0..127
  std::uint8_t channel = 0;      ///< 0..15
  std::uint16_t track = 0;       ///< index of the event's track
  friend auto operator<=>(const ControlChange&, const ControlChange&) = default;
};

/// A pitch bend of all notes on one channel. Time is Ticks or Seconds.
template <class Time>
struct PitchBend {
  Time time{};               ///< time of the event
  std::int16_t value = 0;    ///< -8192..8191; by default +-2 semitones
  std::uint8_t channel = 0;  ///< 0..15
  std::uint16_t track = 0;   ///< index of the event's track

  friend auto operator<=>(const PitchBend&, const PitchBend&) = default;
};

/// Interval in which the sustain pedal is down. Time is Ticks or Seconds.
template <class Time>
struct PedalSpan {
  Time start{};              ///< pedal down
  Time end{};                ///< pedal up
  std::uint8_t channel = 0;  ///< 0..15
  std::uint16_t track = 0;   ///< index of the pedal's track

  friend auto operator<=>(const PedalSpan&, const PedalSpan&) = default;
};

}  // namespace rondo::inline v0::midi

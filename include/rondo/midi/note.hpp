// SPDX-License-Identifier: MIT
// A note: what a note-on and its note-off say together. The clock is part of the type.
#pragma once

#include <rondo/midi/time.hpp>

#include <compare>
#include <cstdint>
#include <vector>

namespace rondo::inline v0::midi {

template <class Time>
struct Note {
  Time start{};                ///< when the key goes down
  Time end{};                  ///< when it comes up; end >= start
  std::uint8_t pitch = 60;     ///< 0..127, 60 is middle C
  std::uint8_t velocity = 64;  ///< 1..127
  std::uint8_t channel = 0;    ///< 0..15, 9 is the drums of General MIDI
  std::uint16_t track = 0;     ///< index of the track the note came from

  friend auto operator<=>(const Note&, const Note&) = default;
};

/// A change of one controller, CC64 (the sustain pedal) above all.
template <class Time>
struct ControlChange {
  Time time{};
  std::uint8_t controller = 64;  ///< 0..127
  std::uint8_t value = 0;        ///< 0..127
  std::uint8_t channel = 0;      ///< 0..15
  std::uint16_t track = 0;

  friend auto operator<=>(const ControlChange&, const ControlChange&) = default;
};

/// A bend of all notes on one channel.
template <class Time>
struct PitchBend {
  Time time{};
  std::int16_t value = 0;    ///< -8192..8191; by default the ends are two semitones away
  std::uint8_t channel = 0;  ///< 0..15
  std::uint16_t track = 0;

  friend auto operator<=>(const PitchBend&, const PitchBend&) = default;
};

/// From pedal down to pedal up.
template <class Time>
struct PedalSpan {
  Time start{};
  Time end{};
  std::uint8_t channel = 0;  ///< 0..15
  std::uint16_t track = 0;

  friend auto operator<=>(const PedalSpan&, const PedalSpan&) = default;
};

}  // namespace rondo::inline v0::midi

// SPDX-License-Identifier: MIT
// The two units of time of a MIDI file as two types that do not convert to each other: ticks and seconds. A TempoMap
// (tempo_map.hpp) converts them. See docs/06-midi-and-tokens.md.
#pragma once

#include <compare>
#include <cstdint>

/// Standard MIDI Files: reading and writing, events, tempo, notes.
namespace rondo::inline v0::midi {

/// A time or a duration in ticks of a file.
struct Ticks {
  std::int64_t value = 0;  ///< ticks

  friend constexpr auto operator<=>(const Ticks&, const Ticks&) = default;
  constexpr Ticks& operator+=(Ticks d) { return value += d.value, *this; }  ///< adds a duration
  constexpr Ticks& operator-=(Ticks d) { return value -= d.value, *this; }  ///< subtracts a duration
  friend constexpr Ticks operator+(Ticks a, Ticks b) { return {a.value + b.value}; }
  friend constexpr Ticks operator-(Ticks a, Ticks b) { return {a.value - b.value}; }
};

/// A time or a duration in seconds.
struct Seconds {
  double value = 0;  ///< seconds

  friend constexpr auto operator<=>(const Seconds&, const Seconds&) = default;
  constexpr Seconds& operator+=(Seconds d) { return value += d.value, *this; }  ///< adds a duration
  constexpr Seconds& operator-=(Seconds d) { return value -= d.value, *this; }  ///< subtracts a duration
  constexpr Seconds& operator*=(double s) { return value *= s, *this; }         ///< scales
  friend constexpr Seconds operator+(Seconds a, Seconds b) { return {a.value + b.value}; }
  friend constexpr Seconds operator-(Seconds a, Seconds b) { return {a.value - b.value}; }
  friend constexpr Seconds operator*(Seconds a, double s) { return {a.value * s}; }
  friend constexpr Seconds operator*(double s, Seconds a) { return {a.value * s}; }
};

}  // namespace rondo::inline v0::midi

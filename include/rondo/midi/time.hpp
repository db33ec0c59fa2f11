// SPDX-License-Identifier: MIT
// The two clocks of a MIDI file as two types that cannot be mixed: ticks, which a file counts, and seconds, which a
// listener hears. Only a TempoMap (tempo_map.hpp) turns one into the other. See docs/06-midi-and-tokens.md.
#pragma once

#include <compare>
#include <cstdint>

namespace rondo::inline v0::midi {

/// A time or a duration in the file's own ticks.
struct Ticks {
  std::int64_t value = 0;

  friend constexpr auto operator<=>(const Ticks&, const Ticks&) = default;
  constexpr Ticks& operator+=(Ticks d) { return value += d.value, *this; }
  constexpr Ticks& operator-=(Ticks d) { return value -= d.value, *this; }
  friend constexpr Ticks operator+(Ticks a, Ticks b) { return {a.value + b.value}; }
  friend constexpr Ticks operator-(Ticks a, Ticks b) { return {a.value - b.value}; }
};

/// A time or a duration in seconds.
struct Seconds {
  double value = 0;

  friend constexpr auto operator<=>(const Seconds&, const Seconds&) = default;
  constexpr Seconds& operator+=(Seconds d) { return value += d.value, *this; }
  constexpr Seconds& operator-=(Seconds d) { return value -= d.value, *this; }
  constexpr Seconds& operator*=(double s) { return value *= s, *this; }
  friend constexpr Seconds operator+(Seconds a, Seconds b) { return {a.value + b.value}; }
  friend constexpr Seconds operator-(Seconds a, Seconds b) { return {a.value - b.value}; }
  friend constexpr Seconds operator*(Seconds a, double s) { return {a.value * s}; }
  friend constexpr Seconds operator*(double s, Seconds a) { return {a.value * s}; }
};

}  // namespace rondo::inline v0::midi

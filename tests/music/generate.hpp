// SPDX-License-Identifier: MIT
// Random performances for property tests: dense, with repeated pitches, long rests, and events at equal times.
#pragma once

#include <rondo/music/performance.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace rondo::test {

/// Notes of one pitch never overlap, so that their tokens are unambiguous.
inline music::Performance random_performance(unsigned seed, int notes, int pitches = 12, bool on_grid = false) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const double unit = on_grid ? 0.01 : 0.0013;
  std::vector<double> free_from(128, 0.0);
  music::Performance performance;
  long now = 0;
  for (int i = 0; i < notes; ++i) {
    now += below(3) == 0 ? 0 : below(20) == 0 ? below(4000) : below(60);
    const int pitch = 60 + below(pitches);
    const double start = static_cast<double>(now) * unit;
    double& free = free_from[static_cast<std::size_t>(pitch)];
    if (start < free + 0.011) continue;
    const double end = start + unit * (1 + below(300));
    free = end;
    performance.notes.push_back({.start = {start},
                                 .end = {end},
                                 .pitch = static_cast<std::uint8_t>(pitch),
                                 .velocity = static_cast<std::uint8_t>(1 + below(127))});
  }
  for (double t = 0.3; !performance.notes.empty() && t < performance.notes.back().end.value;
       t += 0.7 * unit * below(900))
    performance.controls.push_back({.time = {t}, .value = static_cast<std::uint8_t>(below(128))});
  return performance;
}

}  // namespace rondo::test

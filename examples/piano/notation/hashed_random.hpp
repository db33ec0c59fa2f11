// SPDX-License-Identifier: MIT
// Random numbers without a state: a number is a hash of (seed, stream, index). So the performance of a note does
// not depend on the number of notes before it, and is the same on every machine, unlike std::normal_distribution.
#pragma once

#include <cmath>
#include <cstdint>

namespace piano {

class HashedRandom {
 public:
  constexpr explicit HashedRandom(std::uint64_t seed) : seed_(seed) {}

  /// Uniform in [0, 1).
  constexpr double uniform(std::uint64_t stream, std::uint64_t index) const {
    return static_cast<double>(mix(mix(mix(seed_) + stream) + index) >> 11) * 0x1p-53;
  }

  /// A smooth curve through random values in [-1, 1] at the integers, with slope 0 at each of them.
  double smooth(std::uint64_t stream, double x) const {
    const double floor = std::floor(x), t = x - floor;
    const auto knot = static_cast<std::uint64_t>(static_cast<std::int64_t>(floor));
    const double a = 2 * uniform(stream, knot) - 1, b = 2 * uniform(stream, knot + 1) - 1;
    return a + (b - a) * t * t * (3 - 2 * t);
  }

 private:
  // The finaliser of SplitMix64 (Steele, Lea and Flood 2014) on its golden-ratio sequence.
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  std::uint64_t seed_;
};

}  // namespace piano

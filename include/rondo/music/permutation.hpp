// SPDX-License-Identifier: MIT
// A random order of any number of things that needs no memory: a Feistel network on the numbers (Luby, Rackoff 1988),
// applied until the result is below their count (cycle walking: Black, Rogaway 2002).
#pragma once

#include <rondo/music/hash.hpp>

#include <bit>
#include <cstdint>
#include <stdexcept>

namespace rondo::inline v0::music {

/// A permutation of 0 .. count - 1 for each seed.
class Permutation {
 public:
  /// Throws std::invalid_argument if `count` is 0 or above 2^62.
  Permutation(std::uint64_t count, std::uint64_t seed) : count_(count), key_(mix(seed)) {
    if (count == 0 || count > std::uint64_t{1} << 62)
      throw std::invalid_argument("Permutation: the count is not within 1 .. 2^62");
    half_bits_ = (static_cast<int>(std::bit_width(count - 1)) + 1) / 2;
    if (half_bits_ == 0) half_bits_ = 1;
  }

  std::uint64_t count() const { return count_; }  ///< number of things

  /// The thing at place `n` < count of the order. About two rounds of the network on average, at most four.
  std::uint64_t operator()(std::uint64_t n) const {
    do n = encrypt(n);
    while (n >= count_);
    return n;
  }

 private:
  std::uint64_t encrypt(std::uint64_t n) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = n >> half_bits_, right = n & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (mix(key_ ^ mix(right * 4 + round)) & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t count_, key_;
  int half_bits_;
};

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Hashing and random numbers that do not depend on the machine or the standard library, unlike std::hash and the
// distributions of <random>. Splits and batches use them, so they are reproducible from a seed.
#pragma once

#include <cstdint>
#include <string_view>

namespace rondo::inline v0::music {

/// Finaliser of SplitMix64 (Steele, Lea and Flood 2014): each bit of the input changes half of the output bits.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// FNV-1a of the bytes, mixed with a seed.
constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix(hash ^ mix(seed));
}

/// Counter-based random numbers: the i-th number of a stream is a function of (seed, stream, i).
class CounterRng {
 public:
  /// Stream `stream` of `seed`, at its beginning.
  constexpr CounterRng(std::uint64_t seed, std::uint64_t stream) : key_(mix(mix(seed) ^ stream)) {}

  /// Uniform in 0..n-1; n > 0. The bias is below n / 2^64.
  constexpr std::uint64_t below(std::uint64_t n) { return mix(key_ ^ mix(count_++)) % n; }

 private:
  std::uint64_t key_;
  std::uint64_t count_ = 0;
};

}  // namespace rondo::inline v0::music

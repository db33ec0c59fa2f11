// SPDX-License-Identifier: MIT
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator. The n-th number depends only on (seed, n): the same on every machine and device, with a state that
// a checkpoint holds in two integers. The distributions are our own for the same reason: those of <random> differ
// between standard libraries.
#pragma once

#include <rondo/version.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace rondo::inline RONDO_ABI {

/// One block of the generator: 4 x 32 random bits for a counter under a key.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * counter[0];
    const std::uint64_t p1 = 0xCD9E8D57ull * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of random numbers: a seed, a stream number and an offset. Streams of one seed are independent.
class Rng {
 public:
  using result_type = std::uint32_t;  ///< UniformRandomBitGenerator: the type of operator()
  /// All that a checkpoint must store to continue a stream.
  struct State {
    std::uint64_t seed = 0;    ///< seed
    std::uint64_t stream = 0;  ///< stream of the seed
    std::uint64_t drawn = 0;   ///< 32-bit numbers drawn so far
    /// Whether both continue in the same way.
    bool operator==(const State&) const = default;
  };

  /// Stream `stream` of `seed`, at its beginning.
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : state_{seed, stream, 0} {}
  /// Continues a stream from a saved state.
  explicit Rng(const State& state) : state_(state) {}

  /// 32 uniformly random bits.
  std::uint32_t operator()() {
    const std::uint64_t block = state_.drawn / 4;
    if (const auto lane = state_.drawn % 4; lane == 0 || !block_valid_) refill(block);
    return block_[state_.drawn++ % 4];
  }
  static constexpr std::uint32_t min() { return 0; }            ///< UniformRandomBitGenerator: smallest value
  static constexpr std::uint32_t max() { return 0xFFFFFFFFu; }  ///< UniformRandomBitGenerator: largest value

  /// Uniform in [0, 1), 53 random bits.
  double uniform() {
    const std::uint64_t high = (*this)(), low = (*this)();
    return static_cast<double>((high << 21) ^ (low >> 11)) * 0x1p-53;
  }

  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Uniform in 0 .. n-1, n > 0.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((std::uint64_t{(*this)()} * n) >> 32); }

  /// Normal with mean 0 and variance 1 (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  const State& state() const { return state_; }  ///< state to save in a checkpoint

 private:
  void refill(std::uint64_t block) {
    block_ = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                     static_cast<std::uint32_t>(state_.stream), static_cast<std::uint32_t>(state_.stream >> 32)},
                    {static_cast<std::uint32_t>(state_.seed), static_cast<std::uint32_t>(state_.seed >> 32)});
    block_valid_ = true;
  }

  State state_;
  std::array<std::uint32_t, 4> block_{};
  bool block_valid_ = false;
};

}  // namespace rondo::inline RONDO_ABI

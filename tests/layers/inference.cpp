// SPDX-License-Identifier: MIT
// InferenceLstm against Lstm::forward: bit-identical in float, equal to rounding in double, and the error of bf16.
#include <algorithm>
#include <cmath>
#include <vector>

#include <rondo/layers/inference.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar>
double largest_difference(const Sequence<Scalar>& a, const Sequence<Scalar>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
    worst = std::isnan(difference) ? difference : std::max(worst, difference);
  }
  return worst;
}

struct Difference {
  double y, h, c;
};

/// Both passes over the same data from the same state, twice, so that the workspace has another shape before.
template <class Scalar>
Difference compare(const LstmConfig& config, Index B, Index T, const std::vector<Index>& lengths, Precision precision) {
  Rng rng(11);
  Lstm<Scalar> lstm(config, rng);
  const InferenceLstm<Scalar> fast(lstm, precision);
  typename InferenceLstm<Scalar>::Workspace work;
  typename Lstm<Scalar>::Cache cache;
  auto small = random_sequence<Scalar>(config.input, B + 1, T + 2, rng);
  auto small_state = random_state(lstm, B + 1, rng);
  fast.forward(small, small_state, work);

  auto x = random_sequence<Scalar>(config.input, B, T, rng);
  x.set_lengths(lengths);
  auto state = random_state(lstm, B, rng), fast_state = state;
  const auto& y = lstm.forward(x, state, cache, Inference{});
  const auto& fast_y = fast.forward(x, fast_state, work);
  double norm = 0;
  for (Index i = 0; i < y.size(); ++i) norm = std::max(norm, std::abs(static_cast<double>(y.data()[i])));
  REQUIRE(norm > 1e-2);
  return {largest_difference(y, fast_y), largest_difference(state.h, fast_state.h),
          largest_difference(state.c, fast_state.c)};
}

}  // namespace

TEST_CASE("inference is bit-identical to the forward pass", "") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    INFO("level " << name(level));
    for (Index H : {1, 5, 16, 33, 64, 100})
      for (Index B : {1, 2, 7, 20}) {
        const Difference dense = compare<float>({.input = 9, .hidden = H, .layers = 2}, B, 11, {}, Precision::fp32);
        INFO("H " << H << ", B " << B);
        REQUIRE(dense.y == 0);
        REQUIRE(dense.h == 0);
        REQUIRE(dense.c == 0);
      }
    const Difference ragged =
        compare<float>({.input = 3, .hidden = 21, .layers = 3}, 4, 9, {5, 0, 9, 1}, Precision::fp32);
    REQUIRE(ragged.y == 0);
    REQUIRE(ragged.h == 0);
    REQUIRE(ragged.c == 0);
  }
}

TEST_CASE("single steps are bit-identical to the forward pass") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    for (Index H : {1, 5, 16, 33, 64, 100})
      for (Index B : {1, 2, 7, 20}) {
        INFO("level " << name(level) << ", H " << H << ", B " << B);
        Rng rng(11);
        Lstm<float> lstm({.input = 9, .hidden = H, .layers = 2}, rng);
        Lstm<float>::Cache cache;
        typename Lstm<float>::Scratch scratch;
        const auto x = random_sequence<float>(9, B, 6, rng);
        auto state = random_state(lstm, B, rng), stepped = state;
        const auto& y = lstm.forward(x, state, cache, Inference{});
        for (Index t = 0; t < 6; ++t) {
          const auto h = lstm.step(x.at(t), stepped, scratch);
          for (Index b = 0; b < B; ++b)
            for (Index u = 0; u < H; ++u) REQUIRE(h(u, b) == y(u, b, t));
        }
        REQUIRE(largest_difference(state.c, stepped.c) == 0);
      }
  }
}

TEST_CASE("inference at the baseline level and in double agrees to rounding") {
  const LevelGuard guard;
  set_cpu_level(CpuLevel::baseline);
  for (const std::vector<Index>& lengths : {std::vector<Index>{}, std::vector<Index>{5, 0, 9, 1}}) {
    const Difference single = compare<float>({.input = 3, .hidden = 21, .layers = 2}, 4, 9, lengths, Precision::fp32);
    // 9 steps of 3 + 21 + 1 roundings and a few of the cell, none amplified
    CHECK(std::max({single.y, single.h, single.c}) <= 9 * 33 * 0x1p-24);
    const Difference twice = compare<double>({.input = 3, .hidden = 21, .layers = 2}, 4, 9, lengths, Precision::fp32);
    CHECK(std::max({twice.y, twice.h, twice.c}) <= 9 * 33 * 0x1p-53);
  }
}

TEST_CASE("the error of bf16 inference matches its 8 bits of mantissa") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    INFO("level " << name(level));
    for (Index H : {1, 16, 31, 65, 128}) {
      const Difference difference = compare<float>({.input = 7, .hidden = H, .layers = 2}, 5, 12, {}, Precision::bf16);
      INFO("H " << H << ": " << difference.y);
      // A product of two operands has a relative error of at most 2^-8; weights are below 1/sqrt(H), so a
      // pre-activation, a sum of 7 + H of them of order one, has an error of about 2^-8, and a gate a quarter of that;
      // two layers.
      REQUIRE(difference.y <= 0x1p-6);
      REQUIRE(difference.c <= 0x1p-5);
      REQUIRE(difference.y > 0x1p-20);  // bf16 was used
    }
    const Difference ragged =
        compare<float>({.input = 4, .hidden = 21, .layers = 2}, 4, 9, {5, 0, 9, 1}, Precision::bf16);
    REQUIRE(ragged.y <= 0x1p-6);
  }
}

TEST_CASE("inference rejects wrong shapes") {
  Rng rng(1);
  Lstm<float> lstm({.input = 3, .hidden = 4}, rng);
  const InferenceLstm<float> fast(lstm);
  InferenceLstm<float>::Workspace work;
  Sequence<float> x(2, 1, 1);
  auto state = lstm.zero_state(1), wide = lstm.zero_state(2);
  CHECK_THROWS_WITH(fast.forward(x, state, work),
                    "InferenceLstm::forward: x is 2 x 1 x 1 (C x B x T), this layer wants C = 3");
  Sequence<float> fits(3, 1, 1);
  CHECK_THROWS_WITH(fast.forward(fits, wide, work),
                    "InferenceLstm::forward: state.h is 4 x 2 x 1 (P x B x L*D), wanted 4 x 1 x 1");
}

// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/losses.hpp>

#include <limits>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {
const std::vector<std::vector<Index>> kShapes = {{}, {5, 3, 1}, {0, 2, 5}};
}

TEST_CASE("softmax cross-entropy: value, count and gradient, with both masks") {
  const auto lengths = GENERATE(from_range(kShapes));
  const Index V = 6, B = 3, T = 5;
  Rng rng(1);
  auto logits = random_sequence<double>(V, B, T, rng);
  logits.set_lengths(lengths);
  std::vector<std::int32_t> targets;
  for (Index n = 0; n < B * T; ++n)
    targets.push_back(n % 4 == 1 ? kIgnoreIndex : std::int32_t(rng.below(std::uint32_t(V))));

  double sum = 0;
  Index count = 0;
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b) {
      const auto target = targets[std::size_t(b + B * t)];
      if (target == kIgnoreIndex || !logits.active(b, t)) continue;
      double total = 0;
      for (Index v = 0; v < V; ++v) total += std::exp(logits(v, b, t));
      sum -= std::log(std::exp(logits(target, b, t)) / total);
      ++count;
    }
  Sequence<double> d;
  const Loss loss = softmax_cross_entropy(logits, targets, &d);
  CHECK(count > 0);
  CHECK(loss.count == count);
  CHECK(loss.sum == Approx(sum).epsilon(1e-13));
  CHECK(softmax_cross_entropy<double>(logits, targets, nullptr).sum == Approx(sum).epsilon(1e-13));

  check_gradient("logits", logits.flat(), d.flat(),
                 [&] { return softmax_cross_entropy<double>(logits, targets, nullptr).mean(); });
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b) {
      const auto slope = column(&d(0, b, t), V);
      if (targets[std::size_t(b + B * t)] == kIgnoreIndex || !logits.active(b, t))
        CHECK((slope == 0).all());
      else
        CHECK(std::abs(slope.sum()) < 1e-16);  // probabilities and the one-hot target both sum to one
    }
}

TEST_CASE("softmax cross-entropy of uniform logits is log V, whatever their value") {
  for (float level : {0.0f, 80.0f, -1e30f, 1e30f}) {
    Sequence<float> logits(388, 1, 1), d;
    fill(Cpu{}, logits.flat(), level);
    const std::vector<std::int32_t> target = {17};
    CHECK(softmax_cross_entropy(logits, target, &d).sum == Approx(std::log(388.0)));
    CHECK(d(17, 0, 0) == Approx(1.0 / 388 - 1));
    CHECK(d(16, 0, 0) == Approx(1.0 / 388));
  }
}

TEST_CASE("softmax cross-entropy with every step masked is zero, with zero gradient") {
  Rng rng(2);
  const auto logits = random_sequence<double>(4, 2, 1, rng);
  const std::vector<std::int32_t> targets = {kIgnoreIndex, kIgnoreIndex};
  Sequence<double> d;
  const Loss loss = softmax_cross_entropy(logits, targets, &d);
  CHECK(loss.mean() == 0);
  CHECK(matrix(d.flat()).norm() == 0);
}

TEST_CASE("softmax cross-entropy rejects invalid targets") {
  const Sequence<float> logits(4, 2, 3);
  const std::vector<std::int32_t> few(5, 0), high(6, 4), low(6, -2);
  CHECK_THROWS_WITH(softmax_cross_entropy<float>(logits, few, nullptr),
                    "softmax_cross_entropy: 5 targets, logits are 4 x 2 x 3 (C x B x T)");
  CHECK_THROWS_WITH(softmax_cross_entropy<float>(logits, high, nullptr), "softmax_cross_entropy: target 4 with V = 4");
  CHECK_THROWS_WITH(softmax_cross_entropy<float>(logits, low, nullptr), "softmax_cross_entropy: target -2 with V = 4");
}

TEST_CASE("Bernoulli cross-entropy: value, count and gradient, with the mask") {
  const auto lengths = GENERATE(from_range(kShapes));
  const Index K = 4, B = 3, T = 5;
  Rng rng(3);
  auto logits = random_sequence<double>(K, B, T, rng);
  logits.set_lengths(lengths);
  Sequence<double> targets(K, B, T), d;
  for (double& y : std::span(targets.data(), std::size_t(targets.size()))) y = rng.below(3) / 2.0;  // 0, 0.5, 1

  double sum = 0;
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      for (Index k = 0; logits.active(b, t) && k < K; ++k) {
        const double p = 1 / (1 + std::exp(-logits(k, b, t))), y = targets(k, b, t);
        sum -= y * std::log(p) + (1 - y) * std::log(1 - p);
      }
  const Loss loss = bernoulli_cross_entropy(logits, targets, &d);
  CHECK(loss.count == logits.active_steps());
  CHECK(loss.sum == Approx(sum).epsilon(1e-13));
  check_gradient("logits", logits.flat(), d.flat(),
                 [&] { return bernoulli_cross_entropy<double>(logits, targets, nullptr).mean(); });
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      if (!logits.active(b, t)) CHECK((column(&d(0, b, t), K) == 0).all());
}

TEST_CASE("Bernoulli cross-entropy of extreme logits is exact, not infinite") {
  Sequence<float> logits(4, 1, 1), targets(4, 1, 1), d;
  const float z[] = {200, -200, 200, -200}, y[] = {1, 0, 0, 1};
  std::copy_n(z, 4, logits.data());
  std::copy_n(y, 4, targets.data());
  CHECK(bernoulli_cross_entropy(logits, targets, &d).sum == Approx(400));
  const double rounding = 4 * std::numeric_limits<float>::epsilon();  // of Eigen's exp, which differs between machines
  CHECK(d(0, 0, 0) == Approx(0).margin(rounding));
  CHECK(d(1, 0, 0) == Approx(0).margin(rounding));
  CHECK(d(2, 0, 0) == Approx(1));
  CHECK(d(3, 0, 0) == Approx(-1));
  CHECK_THROWS_WITH(bernoulli_cross_entropy<float>(logits, Sequence<float>(3, 1, 1), nullptr),
                    "bernoulli_cross_entropy: targets are 3 x 1 x 1 (C x B x T), logits are 4 x 1 x 1 (C x B x T)");
}

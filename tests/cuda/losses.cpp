// SPDX-License-Identifier: MIT
// Both losses against their definition in double: short columns, processed by a warp, and long ones, processed by a
// block; padding, ignored targets, logits of any size.
#include <cmath>
#include <limits>

#include <rondo/layers/losses.hpp>

#include "cuda/device_matrix.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct LossShape {
  Index features, B, T;
  std::vector<Index> lengths;
};

std::vector<LossShape> loss_shapes() {
  std::vector<LossShape> all;
  for (Index features : {1, 2, 31, 33, 257, 1000, 1025, 3000}) all.push_back({features, 2, 3, {}});
  for (Index features : {33, 1030}) {
    all.push_back({features, 3, 5, {5, 3, 1}});
    all.push_back({features, 3, 5, {0, 2, 5}});
  }
  all.push_back({388, 0, 4, {}});
  all.push_back({388, 4, 0, {}});
  return all;
}

template <class Scalar>
Sequence<Scalar> random_logits(const LossShape& s, double spread, Rng& rng) {
  Sequence<Scalar> z(s.features, s.B, s.T);
  initialise_normal(z.flat(), spread, rng);
  z.set_lengths(s.lengths);
  return z;
}

/// Resized, filled with guard values and resized to a smaller size: they detect writes past the end of a gradient.
template <class Scalar>
Sequence<Scalar, Cuda> followed_by_guards(Index features, Index B, Index T) {
  Sequence<Scalar, Cuda> d(features, B, T + 2);
  fill(Cuda{}, d.flat(), guard_value<Scalar>());
  d.resize(features, B, T);
  return d;
}

template <class Scalar>
bool guards_unchanged(Sequence<Scalar, Cuda>& d) {
  const Index size = d.size(), T = d.time();
  d.resize(d.features(), d.batch(), T + 2);
  const Sequence<Scalar> all = to<Cpu>(d);
  d.resize(d.features(), d.batch(), T);
  return std::all_of(all.data() + size, all.data() + all.size(), is_guard_value<Scalar>);
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: softmax cross-entropy, value and gradient", "", float, double) {
  if (!gpu_available()) return;
  constexpr double epsilon = std::numeric_limits<TestType>::epsilon();
  Rng rng(1);
  for (const LossShape& s : loss_shapes())
    for (double spread : {0.1, 3.0, 30.0}) {
      INFO("V " << s.features << ", B " << s.B << ", T " << s.T << ", spread " << spread);
      const Index V = s.features;
      const auto z = random_logits<TestType>(s, spread, rng);
      std::vector<std::int32_t> targets;
      for (Index n = 0; n < s.B * s.T; ++n)
        targets.push_back(n % 4 == 1 ? kIgnoreIndex
                                     : static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(V))));
      const auto on_device = to<Cuda>(z);
      auto gradient = followed_by_guards<TestType>(V, s.B, s.T);
      const Loss loss = softmax_cross_entropy(on_device, targets, &gradient);
      const Loss alone = softmax_cross_entropy(on_device, targets, nullptr);
      CHECK(alone.sum == loss.sum);
      CHECK(guards_unchanged(gradient));
      const Sequence<TestType> d = to<Cpu>(gradient);
      const double scale = loss.count > 0 ? 1 / static_cast<double>(loss.count) : 0;
      // The exponential rounds, with an error proportional to its argument; no term of the total takes part in more
      // than V additions; then a division and two products.
      const double of_total = epsilon * static_cast<double>(V + 8);
      double sum = 0;
      Index count = 0;
      for (Index t = 0; t < s.T; ++t)
        for (Index b = 0; b < s.B; ++b) {
          const auto target = targets[static_cast<std::size_t>(b + s.B * t)];
          const bool counts = target != kIgnoreIndex && z.active(b, t);
          count += counts;
          double highest = z(0, b, t), total = 0;
          for (Index v = 1; v < V; ++v) highest = std::max<double>(highest, z(v, b, t));
          for (Index v = 0; v < V; ++v) total += std::exp(z(v, b, t) - highest);
          if (counts) sum += std::log(total) + highest - z(target, b, t);
          for (Index v = 0; v < V; ++v) {
            const double x = z(v, b, t) - highest, p = std::exp(x) / total;
            const double exact = counts ? scale * (p - (v == target ? 1 : 0)) : 0;
            const double bound = scale * (p * (of_total + epsilon * (8 - 2 * x)) + (v == target ? 2 * epsilon : 0)) +
                                 std::numeric_limits<TestType>::min();
            REQUIRE(std::abs(d(v, b, t) - exact) <= (counts ? bound : 0));
          }
        }
      CHECK(loss.count == count);
      CHECK(std::abs(loss.sum - sum) <= static_cast<double>(count) * of_total + 1e-14 * sum);
    }
}

TEMPLATE_TEST_CASE("CUDA: softmax of very large, infinite and undefined logits", "", float, double) {
  if (!gpu_available()) return;
  constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
  for (Index V : {388, 2000}) {
    Sequence<TestType> z(V, 1, 1);
    Sequence<TestType, Cuda> d;
    const std::vector<std::int32_t> target = {17};
    for (double level : {0.0, 80.0, -1e30, 1e30}) {
      fill(Cpu{}, z.flat(), static_cast<TestType>(level));
      CHECK(softmax_cross_entropy(to<Cuda>(z), target, &d).sum == Approx(std::log(double(V))));
      CHECK(to<Cpu>(d)(17, 0, 0) == Approx(1.0 / double(V) - 1));
      CHECK(to<Cpu>(d)(16, 0, 0) == Approx(1.0 / double(V)));
    }
    fill(Cpu{}, z.flat(), -infinity);
    z(17, 0, 0) = z(V - 1, 0, 0) = 5;  // all other targets are impossible
    CHECK(softmax_cross_entropy(to<Cuda>(z), target, &d).sum == Approx(std::log(2.0)));
    CHECK(to<Cpu>(d)(0, 0, 0) == 0);
    CHECK(to<Cpu>(d)(17, 0, 0) == TestType(-0.5));
    CHECK(to<Cpu>(d)(V - 1, 0, 0) == TestType(0.5));
    z(3, 0, 0) = std::numeric_limits<TestType>::quiet_NaN();
    CHECK(std::isnan(softmax_cross_entropy(to<Cuda>(z), target, &d).sum));
  }
}

TEMPLATE_TEST_CASE("CUDA: Bernoulli cross-entropy, value and gradient", "", float, double) {
  if (!gpu_available()) return;
  constexpr double epsilon = std::numeric_limits<TestType>::epsilon();
  Rng rng(2);
  for (const LossShape& s : loss_shapes())
    for (double spread : {0.1, 3.0, 300.0}) {
      INFO("K " << s.features << ", B " << s.B << ", T " << s.T << ", spread " << spread);
      const Index K = s.features;
      const auto z = random_logits<TestType>(s, spread, rng);
      Sequence<TestType> y(K, s.B, s.T);
      std::generate_n(y.data(), y.size(), [&] { return static_cast<TestType>(rng.below(3)) / 2; });
      const auto on_device = to<Cuda>(z), targets = to<Cuda>(y);
      auto gradient = followed_by_guards<TestType>(K, s.B, s.T);
      const Loss loss = bernoulli_cross_entropy(on_device, targets, &gradient);
      CHECK(bernoulli_cross_entropy(on_device, targets, nullptr).sum == loss.sum);
      CHECK(guards_unchanged(gradient));
      const Sequence<TestType> d = to<Cpu>(gradient);
      CHECK(loss.count == z.active_steps());
      const double scale = loss.count > 0 ? 1 / static_cast<double>(loss.count) : 0;
      double sum = 0, magnitudes = 0;
      for (Index t = 0; t < s.T; ++t)
        for (Index b = 0; b < s.B; ++b)
          for (Index k = 0; k < K; ++k) {
            const double logit = z(k, b, t), target = y(k, b, t), e = std::exp(-std::abs(logit));
            const double p = (logit > 0 ? 1 : e) / (1 + e);
            const double exact = z.active(b, t) ? scale * (p - target) : 0;
            REQUIRE(std::abs(d(k, b, t) - exact) <= (z.active(b, t) ? scale * 16 * epsilon : 0));
            if (!z.active(b, t)) continue;
            sum += std::max(logit, 0.0) - target * logit + std::log1p(e);
            magnitudes += std::abs(logit) * (1 + target) + 1;
          }
      CHECK(std::abs(loss.sum - sum) <= epsilon * static_cast<double>(K + 8) * magnitudes);
    }
}

TEST_CASE("CUDA: a deferred loss and its gradient are those of the function that waits for it") {
  if (!gpu_available()) return;
  Rng rng(8);
  const auto logits = to<Cuda>(random_sequence<float>(5, 3, 4, rng)),
             y = to<Cuda>(random_sequence<float>(5, 3, 4, rng));
  std::vector<std::int32_t> targets(12, 2);
  targets[5] = kIgnoreIndex;
  Sequence<float, Cuda> d, d_deferred;
  DeferredLoss<Cuda> deferred;
  const auto check = [&](const Loss& loss) {
    CHECK(loss.sum > 0.1);
    CHECK(deferred.get().sum == loss.sum);
    CHECK(deferred.get().count == loss.count);
    const Sequence<float> a = to<Cpu>(d), b = to<Cpu>(d_deferred);
    CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
  };
  softmax_cross_entropy(logits, targets, &d_deferred, deferred);
  check(softmax_cross_entropy(logits, targets, &d));
  bernoulli_cross_entropy(logits, y, &d_deferred, deferred);
  check(bernoulli_cross_entropy(logits, y, &d));
}

TEST_CASE("CUDA: losses of more columns than the limit of the grid's y dimension") {
  if (!gpu_available()) return;
  const Index B = 23, T = 3000;
  Rng rng(3);
  Sequence<float> z(2, B, T), y(2, B, T);
  initialise_normal(z.flat(), 1, rng);
  fill(Cpu{}, y.flat(), 0.5f);
  std::vector<Index> lengths;
  for (Index b = 0; b < B; ++b) lengths.push_back(T - 17 * b);
  z.set_lengths(lengths);
  std::vector<std::int32_t> targets;
  for (Index n = 0; n < B * T; ++n) targets.push_back(static_cast<std::int32_t>(n % 2));
  const auto on_device = to<Cuda>(z), half = to<Cuda>(y);
  Sequence<float, Cuda> d;
  Sequence<float> d_host;
  const auto compare = [&](const Loss& device, const Loss& host) {
    CHECK(device.count == host.count);
    CHECK(device.sum == Approx(host.sum).epsilon(1e-6));
    const Sequence<float> back = to<Cpu>(d);
    for (Index n = 0; n < back.size(); ++n)
      REQUIRE(std::abs(back.data()[n] - d_host.data()[n]) <= 1e-6f / static_cast<float>(host.count));
  };
  compare(softmax_cross_entropy(on_device, targets, &d), softmax_cross_entropy(z, targets, &d_host));
  compare(bernoulli_cross_entropy(on_device, half, &d), bernoulli_cross_entropy(z, y, &d_host));
}

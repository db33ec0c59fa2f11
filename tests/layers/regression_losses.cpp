// SPDX-License-Identifier: MIT
// Regression losses against a simple loop in double and central differences, with every mask, for sequences and for
// single steps.
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/threads.hpp>
#include <rondo/layers/regression_losses.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr Index C = 3, B = 3, T = 5;
constexpr double kDelta = 0.75;
const std::vector<std::vector<Index>> kLengths = {{}, {5, 3, 1}, {0, 2, 5}};

/// A loss of one value by its definition, and the library's function.
template <class Scalar>
struct LossOfOneValue {
  double (*of_error)(double e);
  std::function<Loss(const Sequence<Scalar>&, const Sequence<Scalar>&, Sequence<Scalar>*, std::span<const Scalar>)> run;
};

template <class Scalar>
LossOfOneValue<Scalar> loss_of_one_value(bool squared) {
  if (squared)
    return {[](double e) { return e * e; },
            [](auto& y, auto& target, auto* d, auto w) { return mean_squared_error(y, target, d, w); }};
  return {[](double e) { return std::abs(e) <= kDelta ? e * e / 2 : kDelta * (std::abs(e) - kDelta / 2); },
          [](auto& y, auto& target, auto* d, auto w) { return huber(y, target, kDelta, d, w); }};
}

/// No mask, masks, and weights of any size, including zeros.
template <class Scalar>
std::vector<Scalar> weights_of(int which) {
  std::vector<Scalar> weights;
  for (Index n = 0; which > 0 && n < B * T; ++n)
    weights.push_back(n % 4 == 1 ? Scalar(0) : which == 1 ? Scalar(1) : static_cast<Scalar>(0.25 * double(n % 5 + 1)));
  return weights;
}

struct Reference {
  double sum = 0;
  Index count = 0;
};

template <class Scalar>
Reference plain_loop(const Sequence<Scalar>& y, const Sequence<Scalar>& target, const std::vector<Scalar>& weights,
                     double (*of_error)(double)) {
  Reference r;
  for (Index t = 0; t < y.time(); ++t)
    for (Index b = 0; b < y.batch(); ++b) {
      const double w = weights.empty() ? 1 : double(weights[std::size_t(b + y.batch() * t)]);
      if (!y.active(b, t) || w == 0) continue;
      for (Index c = 0; c < y.features(); ++c, ++r.count)
        r.sum += w * of_error(double(y(c, b, t)) - double(target(c, b, t)));
    }
  return r;
}

}  // namespace

TEST_CASE("regression losses: value, count and gradient, with lengths and weights") {
  const auto lengths = GENERATE(from_range(kLengths));
  const bool squared = GENERATE(true, false);
  const int which = GENERATE(0, 1, 2);
  const auto loss = loss_of_one_value<double>(squared);
  const auto weights = weights_of<double>(which);
  Rng rng(1);
  auto y = random_sequence<double>(C, B, T, rng), target = random_sequence<double>(C, B, T, rng);
  y.set_lengths(lengths);
  for (Index t = 0; t < T; ++t)  // masked values must not be read
    for (Index b = 0; b < B; ++b)
      if (!y.active(b, t)) target(0, b, t) = std::numeric_limits<double>::quiet_NaN();
  Sequence<double> d;
  const Loss got = loss.run(y, target, &d, weights);
  const Reference wanted = plain_loop(y, target, weights, loss.of_error);
  CHECK(wanted.sum > 1);
  CHECK(got.count == wanted.count);
  CHECK(got.sum == Approx(wanted.sum).epsilon(1e-14));
  CHECK(got.mean() == Approx(wanted.sum / double(wanted.count)).epsilon(1e-14));
  CHECK(loss.run(y, target, nullptr, weights).sum == got.sum);
  check_gradient("y", y.flat(), d.flat(), [&] { return loss.run(y, target, nullptr, weights).mean(); });
  CHECK(d.length(1) == y.length(1));
  for (Index j = 0; j < B * T; ++j)
    if (!y.active(j % B, j / B) || (!weights.empty() && weights[std::size_t(j)] == 0))
      CHECK(matrix(d.flat()).col(j).cwiseAbs().maxCoeff() == 0);
}

TEST_CASE("regression losses of one value in closed form, below, at and above delta") {
  Sequence<float> y(1, 1, 1), target(1, 1, 1), d;
  target.fill(1);
  for (const auto& [at, loss, slope] : std::vector<std::array<float, 3>>{
           {1.5f, 0.125f, 0.5f}, {3, 2, 2}, {6, 8, 2}, {-4, 8, -2}, {-1, 2, -2}, {1, 0, 0}}) {
    y.fill(at);
    CHECK(huber(y, target, 2, &d).mean() == loss);
    CHECK(d(0, 0, 0) == slope);
    CHECK(mean_squared_error(y, target, &d).sum == (at - 1) * (at - 1));
    CHECK(d(0, 0, 0) == 2 * (at - 1));
  }
}

TEST_CASE("regression losses divide by the number of values, like PyTorch's reduction='mean'") {
  const std::vector<float> ones(2 * 3 * 4, 1), threes(2 * 3 * 4, 3);
  const Sequence<float> y(2, 3, 4, ones), target(2, 3, 4, threes);
  CHECK(mean_squared_error(y, target, nullptr).count == 24);
  CHECK(mean_squared_error(y, target, nullptr).mean() == 4);
  std::vector<float> weights(12, 0);
  weights[5] = 0.5f;
  CHECK(mean_squared_error(y, target, nullptr, weights).count == 2);
  CHECK(mean_squared_error(y, target, nullptr, weights).mean() == 2);  // (weight * loss).mean()
}

TEST_CASE("regression losses of one step equal those of a sequence with T = 1, also for strided views") {
  const bool squared = GENERATE(true, false);
  Rng rng(2);
  const auto whole = random_sequence<double>(C + 2, B, 1, rng), target = random_sequence<double>(C, B, 1, rng);
  Sequence<double> y(C, B, 1), dy, out(C + 2, B, 1);
  matrix(y.at(0)) = matrix(whole.at(0)).middleRows(1, C);
  out.fill(7);
  const std::vector<double> weights = {1, 0, 2};
  const auto view = whole.at(0).row_block(1, C);
  const auto d = out.at(0).row_block(1, C);
  const Loss got = squared ? mean_squared_error(Cpu{}, view, target.at(0), d, weights)
                           : huber(Cpu{}, view, target.at(0), kDelta, d, weights);
  const Loss wanted = loss_of_one_value<double>(squared).run(y, target, &dy, weights);
  CHECK(wanted.sum > 0.1);
  CHECK(got.sum == wanted.sum);
  CHECK(got.count == 2 * C);
  CHECK(matrix(d) == matrix(dy.at(0)));
  CHECK((array(out.at(0)).row(0) == 7).all());
  CHECK((array(out.at(0)).row(C + 1) == 7).all());
  CHECK(mean_squared_error(Cpu{}, view, target.at(0)).count == C * B);
}

TEST_CASE("regression losses in float agree with the plain loop in double") {
  const bool squared = GENERATE(true, false);
  const auto loss = loss_of_one_value<float>(squared);
  const auto weights = weights_of<float>(2);
  Rng rng(3);
  const auto y = random_sequence<float>(C, B, T, rng), target = random_sequence<float>(C, B, T, rng);
  Sequence<float> d;
  const Reference wanted = plain_loop(y, target, weights, loss.of_error);
  // The error of a value: a difference (one rounding, which the square doubles), one or two products and a sum (three
  // more); all terms are positive and are added in double. With the roundings of the constants: 6.
  constexpr double kUnit = std::numeric_limits<float>::epsilon() / 2;
  CHECK(std::abs(loss.run(y, target, &d, weights).sum - wanted.sum) <= 6 * kUnit * wanted.sum);
  const auto y2 = [&] {
    Sequence<double> wide(C, B, T);
    std::copy_n(y.data(), y.size(), wide.data());
    return wide;
  }();
  Sequence<double> target2(C, B, T), d2;
  std::copy_n(target.data(), target.size(), target2.data());
  const std::vector<double> weights2(weights.begin(), weights.end());
  loss_of_one_value<double>(squared).run(y2, target2, &d2, weights2);
  for (Index n = 0; n < d.size(); ++n)  // 1 / count, weight, difference, two products: 5 roundings
    CHECK(std::abs(double(d.data()[n]) - d2.data()[n]) <= 5 * kUnit * std::abs(d2.data()[n]));
}

TEST_CASE("regression losses are bit-identical for any number of threads") {
  Rng rng(4);
  const auto y = random_sequence<float>(9, 30, 200, rng), target = random_sequence<float>(9, 30, 200, rng);
  Sequence<float> one, several;
  const int before = num_threads();
  set_num_threads(1);
  const double alone = mean_squared_error(y, target, &one).sum;
  set_num_threads(max_threads());
  const double together = mean_squared_error(y, target, &several).sum;
  set_num_threads(before);
  CHECK(alone == together);
  CHECK(matrix(one.flat()) == matrix(several.flat()));
}

TEST_CASE("regression losses with everything masked are zero, with zero gradient") {
  Rng rng(5);
  const auto y = random_sequence<double>(2, 2, 1, rng), target = random_sequence<double>(2, 2, 1, rng);
  Sequence<double> d;
  const std::vector<double> weights = {0, 0};
  const Loss loss = mean_squared_error(y, target, &d, weights);
  CHECK(loss.count == 0);
  CHECK(loss.mean() == 0);
  CHECK(matrix(d.flat()).norm() == 0);
  CHECK(huber(Sequence<float>(2, 0, 3), Sequence<float>(2, 0, 3), 1, nullptr).mean() == 0);
}

TEST_CASE("regression losses report actual and expected shapes") {
  const Sequence<float> y(2, 3, 4), other(2, 3, 5);
  CHECK_THROWS_WITH(mean_squared_error(y, other, nullptr),
                    "mean_squared_error: targets are 2 x 3 x 5 (C x B x T), y is 2 x 3 x 4 (C x B x T)");
  CHECK_THROWS_WITH(huber(y, y, 1, nullptr, std::vector<float>(11, 1)), "huber: 11 weights, wanted one per step, 12");
  for (double delta : {0.0, -1.0, std::numeric_limits<double>::infinity()})
    CHECK_THROWS_AS(huber(y, y, delta, nullptr), error);
  CHECK_THROWS_WITH(huber(y, y, -1, nullptr), "huber: delta is -1, wanted a positive number");
  std::vector<float> weights(12, 1);
  weights[7] = -1;
  CHECK_THROWS_WITH(mean_squared_error(y, y, nullptr, weights),
                    "mean_squared_error: weight 7 is -1, wanted a finite number that is not negative");
  CHECK_THROWS_WITH(mean_squared_error(Cpu{}, y.at(0), Sequence<float>(2, 4, 1).at(0)),
                    "mean_squared_error: targets are 2 x 4 (C x B), y is 2 x 3");
  Sequence<float> d(1, 3, 1);
  CHECK_THROWS_WITH(huber(Cpu{}, y.at(0), y.at(1), 1, d.at(0)), "huber: dy is 1 x 3 (C x B), y is 2 x 3");
}

// SPDX-License-Identifier: MIT
// Pooling over time against its definition, with every kind of length; its gradients by central differences.
#include <cmath>
#include <limits>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/pooling.hpp>
#include <rondo/layers/regression_losses.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr Index P = 5, B = 3, T = 4;
const std::vector<std::vector<Index>> kLengths = {{}, {4, 2, 1}, {0, 3, 4}};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Random, with NaN in the padding, which must not be read.
Sequence<double> ragged_sequence(const std::vector<Index>& lengths, Rng& rng) {
  auto y = random_sequence<double>(P, B, T, rng);
  y.set_lengths(lengths);
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      if (!y.active(b, t)) column(&y(0, b, t), P).setConstant(kNan);
  return y;
}

/// The remaining checks of a backward pass: central differences on the real steps, zero padding, lengths.
template <class Forward>
void check_pooling_gradient(Sequence<double>& y, const Sequence<double>& d_out, const Sequence<double>& dy,
                            Forward&& forward) {
  Sequence<double> out;
  REQUIRE(dy.time() == T);
  CHECK(dy.ragged() == y.ragged());
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      if (!y.active(b, t)) CHECK((column(&dy(0, b, t), P) == 0).all());
  check_gradient("y", y.flat(), dy.flat(), [&] {
    forward(y, out);
    return matrix(out.flat()).cwiseProduct(matrix(d_out.flat())).sum();
  });
}

}  // namespace

TEST_CASE("last_step takes the last step of each sequence, and the first one for reverse rows") {
  const auto lengths = GENERATE(from_range(kLengths));
  const Index reverse_rows = GENERATE(0, 2, 5);
  Rng rng(1);
  auto y = ragged_sequence(lengths, rng);
  Sequence<double> out, dy;
  last_step(y, out, reverse_rows);
  CHECK(out.time() == 1);
  CHECK_FALSE(out.ragged());
  for (Index b = 0; b < B; ++b)
    for (Index p = 0; p < P; ++p) {
      const Index n = y.length(b);
      CHECK(out(p, b, 0) == (n == 0 ? 0 : p >= P - reverse_rows ? y(p, b, 0) : y(p, b, n - 1)));
    }
  const auto d_out = random_sequence<double>(P, B, 1, rng);
  dy = Sequence<double>(P, B, T), dy.fill(kNan);  // all of it must be written
  last_step_backward(y, d_out, dy, reverse_rows);
  check_pooling_gradient(y, d_out, dy, [&](auto& in, auto& to) { last_step(in, to, reverse_rows); });
}

TEST_CASE("mean_over_time is the mean of the real steps") {
  const auto lengths = GENERATE(from_range(kLengths));
  Rng rng(2);
  auto y = ragged_sequence(lengths, rng);
  Sequence<double> out, dy;
  mean_over_time(y, out);
  for (Index b = 0; b < B; ++b)
    for (Index p = 0; p < P; ++p) {
      double sum = 0;
      for (Index t = 0; t < y.length(b); ++t) sum += y(p, b, t);
      CHECK(out(p, b, 0) == Approx(y.length(b) > 0 ? sum / double(y.length(b)) : 0).margin(1e-15));
    }
  const auto d_out = random_sequence<double>(P, B, 1, rng);
  dy = Sequence<double>(P, B, T), dy.fill(kNan);
  mean_over_time_backward(y, d_out, dy);
  check_pooling_gradient(y, d_out, dy, [](auto& in, auto& to) { mean_over_time(in, to); });
}

TEST_CASE("pooling into a part of a matrix, and many-to-one with a loss") {
  Rng rng(3);
  auto y = random_sequence<double>(P, B, T, rng);
  y.set_lengths(std::vector<Index>{4, 0, 2});
  Sequence<double> both(2 * P, B, 1), last, mean;
  both.fill(kNan);
  last_step(y, both.at(0).row_block(0, P));
  mean_over_time(y, both.at(0).row_block(P, P));
  last_step(y, last);
  mean_over_time(y, mean);
  CHECK(matrix(both.at(0)).topRows(P) == matrix(last.at(0)));
  CHECK(matrix(both.at(0)).bottomRows(P) == matrix(mean.at(0)));

  Linear<double> fc(P, 2, rng);
  const auto target = random_sequence<double>(2, B, 1, rng);
  Sequence<double> out, d_out, d_last, dy;
  const auto forward = [&] {
    last_step(y, last);
    fc.forward(last, out);
    return mean_squared_error(out, target, &d_out).mean();
  };
  forward();
  fc.backward(last, d_out, &d_last);
  last_step_backward(y, d_last, dy);
  check_gradient("y", y.flat(), dy.flat(), forward);
}

TEST_CASE("pooling with T = 0 and with B = 0") {
  Sequence<float> none(2, 3, 0), out, dy;
  last_step(none, out);
  CHECK(matrix(out.flat()) == Eigen::MatrixXf::Zero(2, 3));
  out.fill(1);
  mean_over_time(none, out);
  CHECK(matrix(out.flat()) == Eigen::MatrixXf::Zero(2, 3));
  last_step_backward(none, out, dy);
  CHECK(dy.size() == 0);
  mean_over_time_backward(none, out, dy);
  const Sequence<float> no_sequences(2, 0, 5);
  mean_over_time(no_sequences, out);
  CHECK(out.batch() == 0);
  last_step_backward(no_sequences, out, dy);
  CHECK(dy.time() == 5);
}

TEST_CASE("pooling reports actual and expected shapes") {
  const Sequence<float> y(2, 3, 4);
  Sequence<float> out(2, 4, 1), dy, long_out(2, 3, 2);
  CHECK_THROWS_WITH(last_step(y, out.at(0)), "last_step: out is 2 x 4 (P x B), y is 2 x 3 x 4 (C x B x T)");
  CHECK_THROWS_WITH(last_step(y, out, 3), "last_step: 3 reverse rows of P = 2");
  CHECK_THROWS_WITH(last_step_backward(y, long_out, dy),
                    "last_step_backward: d_out is 2 x 3 x 2 (C x B x T), wanted one step, T = 1");
  CHECK_THROWS_WITH(mean_over_time_backward(y, Sequence<float>(1, 3, 1), dy),
                    "mean_over_time_backward: d_out is 1 x 3 (P x B), y is 2 x 3 x 4 (C x B x T)");
}

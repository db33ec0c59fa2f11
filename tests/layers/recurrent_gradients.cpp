// SPDX-License-Identifier: MIT
// Every gradient of the LSTM against central differences: W, R, b of every layer, x, h0, c0; dense, ragged, dropped.
// The loss looks at every output and at the final state, so that gradients enter wherever they can.
#include <vector>

#include <rondo/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

double dot(ConstView<double> a, ConstView<double> b) { return matrix(a).cwiseProduct(matrix(b)).sum(); }

void check_all_gradients(const std::vector<Index>& lengths, double dropout_probability) {
  const Index C = 4, H = 5, L = 2, B = 3, T = 5;
  Rng rng(11);
  Lstm<double> lstm({.input = C, .hidden = H, .layers = L, .dropout = dropout_probability}, rng);
  randomise(lstm, rng);
  auto x = random_sequence<double>(C, B, T, rng);
  x.set_lengths(lengths);
  auto initial = random_state(lstm, B, rng);
  const auto dy = random_sequence<double>(H, B, T, rng);  // not zero in padding: backward must not look there
  const auto d_final = random_state(lstm, B, rng);

  // L = <dy, y> + <dh, h(T)> + <dc, c(T)>
  Lstm<double>::Cache cache;
  const auto loss = [&] {
    auto state = initial;
    Rng same_masks(12);
    const auto& y = lstm.forward(x, state, cache, Training{same_masks});
    return dot(dy.flat(), y.flat()) + dot(d_final.h.flat(), state.h.flat()) + dot(d_final.c.flat(), state.c.flat());
  };

  loss();
  auto d_state = d_final;
  Sequence<double> dx;
  zero_grad(lstm);
  lstm.backward(x, dy, cache, d_state, &dx);

  check_parameter_gradients(lstm, loss);
  check_gradient("x", x.flat(), dx.flat(), loss);
  check_gradient("h0", initial.h.flat(), d_state.h.flat(), loss);
  check_gradient("c0", initial.c.flat(), d_state.c.flat(), loss);
}

}  // namespace

TEST_CASE("gradients of a dense batch") { check_all_gradients({}, 0); }
TEST_CASE("gradients of a dense batch with dropout") { check_all_gradients({}, 0.4); }
TEST_CASE("gradients of a ragged batch, longest first") { check_all_gradients({5, 3, 1}, 0); }
TEST_CASE("gradients of a ragged batch, unsorted") { check_all_gradients({3, 1, 5}, 0); }
TEST_CASE("gradients of a ragged batch with an empty sequence") { check_all_gradients({0, 4, 1}, 0); }
TEST_CASE("gradients of a ragged batch with dropout") { check_all_gradients({2, 5, 0}, 0.4); }

TEST_CASE("backward adds to gradients and does without dx") {
  Rng rng(13);
  Lstm<double> lstm({.input = 2, .hidden = 3, .layers = 2}, rng);
  const auto x = random_sequence<double>(2, 2, 3, rng), dy = random_sequence<double>(3, 2, 3, rng);
  Lstm<double>::Cache cache;
  auto state = random_state(lstm, 2, rng);
  lstm.forward(x, state, cache, Inference{});
  std::vector<double> once;
  auto d_state = lstm.zero_state(2);
  lstm.backward(x, dy, cache, d_state);
  lstm.for_each_parameter(
      [&](const Path&, auto& p) { once.insert(once.end(), p.grad().data, p.grad().data + p.size()); });
  d_state.set_zero();
  lstm.backward(x, dy, cache, d_state);
  std::size_t k = 0;
  double norm = 0;
  lstm.for_each_parameter([&](const Path&, auto& p) {
    for (Index n = 0; n < p.size(); ++n, ++k) {
      CHECK(p.grad().data[n] == Approx(2 * once[k]).epsilon(1e-13).margin(1e-15));
      norm += std::abs(once[k]);
    }
  });
  CHECK(norm > 0.1);
}

TEST_CASE("the gradient of the final state passes through a sequence of length zero") {
  Rng rng(14);
  Lstm<double> lstm({.input = 2, .hidden = 3}, rng);
  auto x = random_sequence<double>(2, 2, 3, rng);
  x.set_lengths(std::vector<Index>{3, 0});
  Lstm<double>::Cache cache;
  auto state = random_state(lstm, 2, rng);
  lstm.forward(x, state, cache, Inference{});
  auto d_state = random_state(lstm, 2, rng);
  const auto d_final = d_state;
  lstm.backward(x, random_sequence<double>(3, 2, 3, rng), cache, d_state);
  CHECK(matrix(d_state.h.at(0)).col(1) == matrix(d_final.h.at(0)).col(1));
  CHECK(matrix(d_state.c.at(0)).col(1) == matrix(d_final.c.at(0)).col(1));
  CHECK(matrix(d_state.h.at(0)).col(0) != matrix(d_final.h.at(0)).col(0));
}

// SPDX-License-Identifier: MIT
// Every gradient of every cell against central differences: all weights of every layer and direction, x, the initial
// state; with each option, dense and ragged. The loss depends on every output and on the final state, so that gradients
// enter at every possible place.
#include <string>
#include <type_traits>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/cpu/eigen.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"
#include "support/recurrent_options.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

double dot(ConstView<double> a, ConstView<double> b) { return matrix(a).cwiseProduct(matrix(b)).sum(); }

template <class Cell>
void check_all_gradients(const RecurrentConfig& config, const std::vector<Index>& lengths) {
  using Network = Recurrent<Cell, double>;
  const Index B = 3, T = 5;
  Rng rng(11);
  Network network(config, rng);
  randomise(network, rng);
  auto x = random_sequence<double>(config.input, B, T, rng);
  x.set_lengths(lengths);
  auto initial = random_state(network, B, rng);
  const auto dy = random_sequence<double>(network.output(), B, T, rng);  // non-zero padding, which must not be read
  const auto d_final = random_state(network, B, rng);

  // L = <dy, y> + <dh, h(T)> + <dc, c(T)>
  typename Network::Cache cache;
  const auto loss = [&] {
    auto state = config.learned_initial_state ? network.initial_state(B) : initial;
    Rng same_masks(12);
    const auto& y = network.forward(x, state, cache, Training{same_masks});
    return dot(dy.flat(), y.flat()) + dot(d_final.h.flat(), state.h.flat()) + dot(d_final.c.flat(), state.c.flat());
  };

  // An earlier, dense pass fills every buffer with other values.
  Sequence<double> dx;
  const auto other = random_sequence<double>(config.input, B, T, rng);
  auto other_state = initial;
  network.forward(other, other_state, cache, Training{rng});
  network.backward(other, dy, cache, other_state, &dx);

  loss();
  auto d_state = d_final;
  zero_grad(network);
  network.backward(x, dy, cache, d_state, &dx);
  network.backward_initial_state(d_state);

  check_parameter_gradients(network, loss);
  check_gradient("x", x.flat(), dx.flat(), loss);
  if (config.learned_initial_state) return;
  check_gradient("h0", initial.h.flat(), d_state.h.flat(), loss);
  if (Cell::kHasC) check_gradient("c0", initial.c.flat(), d_state.c.flat(), loss);
}

}  // namespace

TEMPLATE_TEST_CASE("gradients of every option", "", RONDO_CELLS) {
  for_each_option<TestType>([](const RecurrentConfig& config, const std::vector<Index>& lengths) {
    check_all_gradients<TestType>(config, lengths);
  });
}

TEMPLATE_TEST_CASE("backward accumulates gradients, and dx is optional", "", RONDO_CELLS) {
  using Network = Recurrent<TestType, double>;
  const bool bidirectional = GENERATE(false, true);
  Rng rng(13);
  Network network({.input = 2, .hidden = 3, .layers = 2, .bidirectional = bidirectional}, rng);
  const auto x = random_sequence<double>(2, 2, 3, rng), dy = random_sequence<double>(network.output(), 2, 3, rng);
  typename Network::Cache cache;
  auto state = random_state(network, 2, rng);
  network.forward(x, state, cache, Inference{});
  std::vector<double> once;
  auto d_state = network.zero_state(2);
  network.backward(x, dy, cache, d_state);
  network.for_each_parameter(
      [&](const Path&, auto& p) { once.insert(once.end(), p.grad().data, p.grad().data + p.size()); });
  d_state.set_zero();
  network.backward(x, dy, cache, d_state);
  std::size_t k = 0;
  double norm = 0;
  network.for_each_parameter([&](const Path&, auto& p) {
    for (Index n = 0; n < p.size(); ++n, ++k) {
      CHECK(p.grad().data[n] == Approx(2 * once[k]).epsilon(1e-13).margin(1e-15));
      norm += std::abs(once[k]);
    }
  });
  CHECK(norm > 0.1);
}

TEMPLATE_TEST_CASE("the gradient of the final state passes unchanged through a sequence of length zero", "",
                   RONDO_CELLS) {
  using Network = Recurrent<TestType, double>;
  Rng rng(14);
  Network network({.input = 2, .hidden = 3, .bidirectional = true}, rng);
  auto x = random_sequence<double>(2, 2, 3, rng);
  x.set_lengths(std::vector<Index>{3, 0});
  typename Network::Cache cache;
  auto state = random_state(network, 2, rng);
  network.forward(x, state, cache, Inference{});
  auto d_state = random_state(network, 2, rng);
  const auto d_final = d_state;
  network.backward(x, random_sequence<double>(6, 2, 3, rng), cache, d_state);
  for (Index d : {0, 1}) {
    CHECK(matrix(d_state.h.at(d)).col(1) == matrix(d_final.h.at(d)).col(1));
    CHECK(matrix(d_state.h.at(d)).col(0) != matrix(d_final.h.at(d)).col(0));
    if (TestType::kHasC) CHECK(matrix(d_state.c.at(d)).col(1) == matrix(d_final.c.at(d)).col(1));
  }
}

// SPDX-License-Identifier: MIT
// The forward pass of every cell and option, in double, against independent loops; InferenceRecurrent and step()
// against the same.
#include <cmath>
#include <utility>
#include <vector>

#include <rondo/layers/inference.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/naive_recurrent.hpp"
#include "support/recurrent_options.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// About 100 roundings of 2^-53, none amplified.
constexpr double kBound = 1e-13;

NaiveVector column_of(const Sequence<double>& s, Index b, Index t) {
  NaiveVector column;
  for (Index i = 0; i < s.features(); ++i) column.push_back(s(i, b, t));
  return column;
}

void require_near(const NaiveVector& got, const NaiveVector& wanted, double& norm) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(std::abs(got[i] - wanted[i]) <= kBound);
    norm += std::abs(wanted[i]);
  }
}

template <class Cell>
void compare_with_reference(const RecurrentConfig& config, const std::vector<Index>& lengths) {
  using Network = Recurrent<Cell, double>;
  const Index B = 3, T = 5, passes = config.layers * config.directions();
  Rng rng(7);
  Network network(config, rng);
  randomise(network, rng);
  auto x = random_sequence<double>(config.input, B, T, rng);
  x.set_lengths(lengths);
  const auto initial = config.learned_initial_state ? network.initial_state(B) : random_state(network, B, rng);

  std::vector<NaiveSteps> y, h, c;  // [b]
  const NaiveWeights weights(network);
  for (Index b = 0; b < B; ++b) {
    NaiveSteps steps, h_b, c_b;
    for (Index t = 0; t < x.length(b); ++t) steps.push_back(column_of(x, b, t));
    for (Index s = 0; s < passes; ++s)
      h_b.push_back(column_of(initial.h, b, s)), c_b.push_back(column_of(initial.c, b, s));
    y.push_back(naive_recurrent(weights, config, !Cell::kHasC, steps, h_b, c_b));
    h.push_back(h_b), c.push_back(c_b);
  }

  double norm = 0;
  const auto compare = [&](const Sequence<double>& got, const RecurrentState<double>& state) {
    for (Index b = 0; b < B; ++b) {
      for (Index t = 0; t < T; ++t)
        require_near(column_of(got, b, t),
                     x.active(b, t) ? y[std::size_t(b)][std::size_t(t)] : NaiveVector(std::size_t(got.features())),
                     norm);
      for (Index s = 0; s < passes; ++s) {
        require_near(column_of(state.h, b, s), h[std::size_t(b)][std::size_t(s)], norm);
        require_near(column_of(state.c, b, s), c[std::size_t(b)][std::size_t(s)], norm);
      }
    }
  };
  // An earlier, dense pass fills every buffer with other values.
  const auto other = random_sequence<double>(config.input, B, T, rng);
  typename Network::Cache cache;
  auto state = initial;
  network.forward(other, state, cache, Inference{});
  state = initial;
  const auto& outputs = network.forward(x, state, cache, Inference{});
  compare(outputs, state);

  const InferenceRecurrent<Cell, double> inference(network);
  typename InferenceRecurrent<Cell, double>::Workspace work;
  inference.forward(other, state, work);
  state = initial;
  const auto& inferred = inference.forward(x, state, work);
  compare(inferred, state);
  CHECK(norm > 1);  // not vacuous

  if (config.bidirectional || x.ragged()) return;
  typename Network::Scratch scratch;
  Sequence<double> stepped(network.output(), B, T);
  state = initial;
  for (Index t = 0; t < T; ++t) copy(Cpu{}, network.step(std::as_const(x).at(t), state, scratch), stepped.at(t));
  compare(stepped, state);
}

}  // namespace

TEMPLATE_TEST_CASE("forward, inference and steps agree with loops for all options", "", RONDO_CELLS) {
  for_each_option<TestType>([](const RecurrentConfig& config, const std::vector<Index>& lengths) {
    compare_with_reference<TestType>(config, lengths);
  });
}

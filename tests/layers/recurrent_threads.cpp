// SPDX-License-Identifier: MIT
// Bit-identical results for any number of threads: outputs, states and every gradient, of every cell and option, in
// training and in inference, in fp32 and in bf16.
#include <algorithm>
#include <string>
#include <vector>

#include <rondo/cpu/threads.hpp>
#include <rondo/layers/inference.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/recurrent_options.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// All results of training and of inference.
template <class Cell, class Scalar>
std::vector<Scalar> all_numbers(RecurrentConfig config, const std::vector<Index>& lengths, int threads) {
  if (set_num_threads(threads) != threads) return {};
  const Index B = 3, T = 5;
  config.input = 21, config.hidden = 40, config.projection = config.projection > 0 ? 23 : 0;  // work for every thread
  Rng rng(5), masks(6);
  Recurrent<Cell, Scalar> network(config, rng);
  randomise(network, rng);
  auto x = random_sequence<Scalar>(config.input, B, T, rng);
  x.set_lengths(lengths);
  const auto dy = random_sequence<Scalar>(network.output(), B, T, rng);
  const auto initial = random_state(network, B, rng);
  auto d_state = random_state(network, B, rng);

  std::vector<Scalar> all;
  const auto keep = [&](MatrixView<const Scalar> v) { all.insert(all.end(), v.data, v.data + v.rows * v.cols); };
  const auto keep_state = [&](const RecurrentState<Scalar>& state) { keep(state.h.flat()), keep(state.c.flat()); };
  typename Recurrent<Cell, Scalar>::Cache cache;
  auto state = initial;
  keep(network.forward(x, state, cache, Training{masks}).flat());
  keep_state(state);
  Sequence<Scalar> dx;
  zero_grad(network);
  network.backward(x, dy, cache, d_state, &dx);
  keep(dx.flat());
  keep_state(d_state);
  network.for_each_parameter([&](const Path&, auto& p) { keep(p.grad()); });

  const InferenceRecurrent<Cell, Scalar> inference(network, config.precision);
  typename InferenceRecurrent<Cell, Scalar>::Workspace work;
  state = initial;
  keep(inference.forward(x, state, work).flat());
  keep_state(state);
  return all;
}

template <class Cell, class Scalar>
void check_threads(RecurrentConfig config, const std::vector<Index>& lengths, Precision precision) {
  config.precision = precision;
  const int before = num_threads();
  const auto one = all_numbers<Cell, Scalar>(config, lengths, 1);
  for (int count : {2, 3}) {
    const auto many = all_numbers<Cell, Scalar>(config, lengths, count);
    INFO(count << " threads");
    CHECK((many.empty() || many == one));
  }
  set_num_threads(before);
  Scalar norm = 0;
  for (Scalar v : one) norm += v * v;
  CHECK(norm > 1);
}

}  // namespace

TEMPLATE_TEST_CASE("bit-identical for any number of threads", "", RONDO_CELLS) {
  for_each_option<TestType>([](const RecurrentConfig& config, const std::vector<Index>& lengths) {
    check_threads<TestType, float>(config, lengths, Precision::fp32);
    check_threads<TestType, float>(config, lengths, Precision::bf16);
    check_threads<TestType, double>(config, lengths, Precision::fp32);
  });
}

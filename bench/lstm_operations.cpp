// SPDX-License-Identifier: MIT
#include "lstm_operations.hpp"

#include "measure.hpp"

#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/lstm_variants.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace bench {
namespace {

using namespace rondo;

constexpr Index kVocabulary = 388;  // of the piano model: 128 note-ons, 128 note-offs, 100 shifts, 32 velocities

Sequence<float> random_sequence(Index features, Index batch, Index time, Rng& rng) {
  Sequence<float> x(features, batch, time);
  for (float& value : std::span(x.data(), static_cast<std::size_t>(x.size())))
    value = static_cast<float>(rng.uniform(-1, 1));
  return x;
}

std::vector<std::int32_t> random_tokens(Index count, Rng& rng) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(kVocabulary));
  return tokens;
}

template <class Cell>
Recurrent<Cell, float> make_network(const Shape& s, RecurrentConfig options, Precision precision, Rng& rng) {
  options.input = s.C, options.hidden = s.H, options.layers = s.L, options.projection = s.P;
  options.precision = precision;
  return {options, rng};
}

/// Counters of a call that takes `seconds` and has `gflop` * 10^9 operations.
void report(benchmark::State& state, const Shape& s, double gflop, double seconds) {
  state.counters["GFLOP/s"] = gflop / seconds;
  state.counters["us_per_step"] = seconds * 1e6 / static_cast<double>(s.T);
  state.counters["tokens/s"] = static_cast<double>(s.tokens()) / seconds;
}

}  // namespace

template <class Cell>
void inference(benchmark::State& state, const Shape& s, const RecurrentConfig& options) {
  Rng rng(1);
  const auto learned = make_network<Cell>(s, options, Precision::fp32, rng);
  const InferenceRecurrent<Cell, float> network(learned, options.precision);
  const auto x = random_sequence(s.C, s.B, s.T, rng);
  auto hc = learned.zero_state(s.B);
  typename InferenceRecurrent<Cell, float>::Workspace work;
  const double seconds = seconds_per_call(state, [&] {
    hc.set_zero();
    network.forward(x, hc, work);
  });
  state.SetLabel(learned.path());
  report(state, s, s.forward_gflop(Cell::kGates, options.directions()), seconds);
}

template <class Cell>
void forward_backward(benchmark::State& state, const Shape& s, const RecurrentConfig& options) {
  Rng rng(1);
  auto network = make_network<Cell>(s, options, options.precision, rng);
  const auto x = random_sequence(s.C, s.B, s.T, rng), dy = random_sequence(network.output(), s.B, s.T, rng);
  auto hc = network.zero_state(s.B), d_hc = hc;
  typename Recurrent<Cell, float>::Cache cache;
  Sequence<float> dx;
  const double seconds = seconds_per_call(state, [&] {
    zero_grad(network);
    hc.set_zero();
    network.forward(x, hc, cache, Inference{});
    d_hc.set_zero();
    network.backward(x, dy, cache, d_hc, &dx);
  });
  state.SetLabel(network.path());
  report(state, s, 3 * s.forward_gflop(Cell::kGates, options.directions()), seconds);
}

template <class Cell>
void step(benchmark::State& state, const Shape& s, const RecurrentConfig& options) {
  Rng rng(1);
  const auto learned = make_network<Cell>(s, options, Precision::fp32, rng);
  const auto x = random_sequence(s.C, s.B, 1, rng);
  double seconds = 0;
  if (s.B == 1 && options.precision == Precision::fp32) {
    StreamingRecurrent<Cell, float> stream(learned);
    const std::span<const float> now(x.data(), static_cast<std::size_t>(s.C));
    seconds = seconds_per_call(state, [&] { stream.step(now); });
  } else {
    const InferenceRecurrent<Cell, float> network(learned, options.precision);
    typename InferenceRecurrent<Cell, float>::Workspace work;
    auto hc = learned.zero_state(s.B);
    seconds = seconds_per_call(state, [&] { network.forward(x, hc, work); });
  }
  report(state, s, s.forward_gflop(Cell::kGates), seconds);
}

void training_step(benchmark::State& state, const Shape& s, const RecurrentConfig& options) {
  Rng rng(1);
  TokenModel<float> model(
      {.vocabulary = kVocabulary, .embedding = s.C, .hidden = s.H, .layers = s.L, .precision = options.precision}, rng);
  const auto tokens = random_tokens(s.tokens(), rng), targets = random_tokens(s.tokens(), rng);
  auto hc = model.zero_state(s.B);
  TokenModel<float>::Cache cache;
  Adam adam;
  const double seconds = seconds_per_call(state, [&] {
    zero_grad(model);
    hc.set_zero();
    model.forward_backward(tokens, targets, s.B, s.T, hc, cache, Inference{});
    clip_grad_norm(model, 1);
    adam.step(model);
  });
  // Counts the input product of token inputs, too: their look-up shows as a higher rate.
  const double output_gflop = 2e-9 * static_cast<double>(kVocabulary * s.H * s.tokens());
  report(state, s, 3 * (s.forward_gflop() + output_gflop), seconds);
}

template void inference<LstmCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void forward_backward<LstmCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void inference<GruCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void forward_backward<GruCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void inference<PeepholeLstmCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void forward_backward<PeepholeLstmCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void step<LstmCell>(benchmark::State&, const Shape&, const RecurrentConfig&);
template void step<GruCell>(benchmark::State&, const Shape&, const RecurrentConfig&);

}  // namespace bench

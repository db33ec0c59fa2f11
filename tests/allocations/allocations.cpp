// SPDX-License-Identifier: MIT
// After warm-up, training and streaming steps allocate nothing, at sizes at which Eigen's matrix products pack their
// operands.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <rondo/cpu/threads.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference.hpp>
#include <rondo/layers/lstm_variants.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/sampling.hpp>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

using namespace rondo;
using rondo_test::allocations;

TEST_CASE("the allocation counter counts allocations") {
  const auto during = [](auto&& work) {
    const auto before = allocations();
    work();
    return allocations() - before;
  };
  CHECK(during([] { std::vector<int> v(100); }) == 1);
  CHECK(during([] { Buffer<float> aligned(1000); }) == 1);
  CHECK(during([] { std::make_unique<int[]>(3); }) == 1);
  if (rondo_test::counts_malloc()) {
    CHECK(during([] { Eigen::MatrixXf a(300, 300); }) == 1);
    Eigen::MatrixXf a = Eigen::MatrixXf::Ones(600, 600), c(600, 600);
    CHECK(during([&] { c.noalias() = a * a; }) > 0);  // the tiles of cpu/gemm.hpp avoid this
  }
}

TEMPLATE_TEST_CASE("a warm training step allocates nothing", "", float, double) {
  using Scalar = TestType;
  const Index V = 388, B = 32, T = 10;  // B*T and all others exceed a tile of cpu/gemm.hpp
  Rng rng(1), dropout(2);
  TokenModel<Scalar> model({.vocabulary = V, .embedding = 256, .hidden = 256, .layers = 1, .dropout = 0.1}, rng);
  TokenModel<Scalar> deep({.vocabulary = 20, .embedding = 8, .hidden = 300, .layers = 3, .dropout = 0.1}, rng);
  Adam adam;
  const auto during_warm_step = [&](TokenModel<Scalar>& m, Index batch, Index time) {
    const Index K = m.config().ids_per_step;
    std::vector<std::int32_t> targets(static_cast<std::size_t>(batch * time)), ids;
    for (auto& target : targets) {
      target = std::int32_t(rng.below(std::uint32_t(m.config().vocabulary)));
      ids.push_back(target);
      for (Index k = 1; k < K; ++k)
        ids.push_back(k % 3 == 0 ? kNoToken
                                 : std::int32_t(m.config().vocabulary) +
                                       std::int32_t(rng.below(std::uint32_t(m.config().conditions))));
    }
    typename TokenModel<Scalar>::Cache cache;
    auto state = m.zero_state(batch);
    std::size_t counted = 0;
    for (int step = 0; step < 3; ++step) {  // two warm-up steps, since buffers between layers alternate
      const auto before = allocations();
      zero_grad(m);
      m.forward_backward(ids, targets, batch, time, state, cache, Training{dropout});
      clip_grad_norm(m, 1);
      adam.step(m);
      counted = allocations() - before;
      if (step == 0) CHECK(counted > 0);
    }
    return counted;
  };
  CHECK(during_warm_step(model, B, T) == 0);
  CHECK(during_warm_step(deep, 7, 5) == 0);
  CHECK(during_warm_step(deep, 1, 3) == 0);
  TokenModel<Scalar> conditioned(
      {.vocabulary = 60, .conditions = 165, .ids_per_step = 20, .embedding = 30, .hidden = 100}, rng);
  CHECK(during_warm_step(conditioned, 16, 20) == 0);  // float: by table
  CHECK(during_warm_step(conditioned, 4, 10) == 0);   // by look-up
}

namespace {

/// Allocations of a third forward and backward pass over the same batch, of a third inference pass and of a third step.
/// Two passes for warm-up, since buffers between layers alternate.
template <class Cell, class Scalar>
void check_warm_network(const RecurrentConfig& config, bool ragged) {
  INFO(Cell::kName << (config.bidirectional ? ", bidirectional" : "") << (ragged ? ", ragged" : ""));
  const Index B = 4, T = 20;
  Rng rng(3), masks(4);
  Recurrent<Cell, Scalar> network(config, rng);
  Sequence<Scalar> x(config.input, B, T), dy(network.output(), B, T), dx;
  initialise_normal(x.flat(), 1, rng);
  initialise_normal(dy.flat(), 1, rng);
  if (ragged) x.set_lengths(std::vector<Index>{T, 3, 17, 0});
  auto state = network.initial_state(B), d_state = network.zero_state(B);
  const auto warm = [](auto&& work) {
    std::size_t before = 0;
    for (int pass = 0; pass < 3; ++pass) {
      before = allocations();
      work();
      if (pass == 0) CHECK(allocations() > before);  // not vacuous
    }
    return allocations() - before;
  };

  typename Recurrent<Cell, Scalar>::Cache cache;
  CHECK(warm([&] {
          zero_grad(network);
          network.forward(x, state, cache, Training{masks});
          network.backward(x, dy, cache, d_state, &dx);
          network.backward_initial_state(d_state);
        }) == 0);
  const InferenceRecurrent<Cell, Scalar> inference(network);
  typename InferenceRecurrent<Cell, Scalar>::Workspace work;
  CHECK(warm([&] { inference.forward(x, state, work); }) == 0);
  if (config.bidirectional) return;
  typename Recurrent<Cell, Scalar>::Scratch scratch;
  CHECK(warm([&] { network.step(std::as_const(x).at(0), state, scratch); }) == 0);
}

template <class Cell, class Scalar>
void check_warm_networks() {
  std::vector<RecurrentConfig> configs{{}};
  configs.push_back({.bidirectional = true, .dropout = 0.2});
  if (Cell::kHasC) configs.push_back({.projection = 70});
  configs.push_back({.layer_norm = true, .learned_initial_state = true});
  configs.push_back({.dropout = 0.1,
                     .zoneout_h = 0.1,
                     .zoneout_c = Cell::kHasC ? 0.2 : 0,
                     .recurrent_dropout = 0.3,
                     .weight_dropout = 0.3});
  if (Cell::kPacked) configs.push_back({.bidirectional = true, .precision = Precision::bf16});
  for (RecurrentConfig& config : configs) {
    config.input = 88, config.hidden = 150, config.layers = 2;
    for (bool ragged : {false, true}) check_warm_network<Cell, Scalar>(config, ragged);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a warm pass of any cell and options allocates nothing", "", float, double) {
  check_warm_networks<LstmCell, TestType>();
  check_warm_networks<GruCell, TestType>();
  check_warm_networks<PeepholeLstmCell, TestType>();
  check_warm_networks<CoupledPeepholeLstmCell, TestType>();
}

TEMPLATE_TEST_CASE("a warm step and a sampled token allocate nothing", "", float, double) {
  using Scalar = TestType;
  const Index B = GENERATE(1, 32);
  Rng rng(4);
  const TokenModel<Scalar> model({.vocabulary = 388, .embedding = 256, .hidden = 256, .layers = 2}, rng);
  auto state = model.zero_state(B);
  typename TokenModel<Scalar>::Scratch scratch;
  Sampler sampler({.top_k = 40, .top_p = 0.95});
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(B), 7);
  std::size_t before = 0;
  for (int step = 0; step < 4; ++step) {
    if (step == 1) before = allocations();
    const auto logits = model.step(tokens, state, scratch);
    for (Index b = 0; b < B; ++b)
      tokens[std::size_t(b)] = sampler(std::span<const Scalar>(&logits(0, b), 388), {}, rng).token;
  }
  CHECK(allocations() == before);
}

TEST_CASE("warm inference and streaming allocate nothing, with one or more threads") {
  const int threads_before = num_threads();
  const int count = GENERATE(1, 2);
  if (set_num_threads(count) != count) return;
  Rng rng(4);
  Lstm<float> lstm({.input = 30, .hidden = 100, .layers = 2}, rng);
  Linear<float> head(100, 3, rng);
  for (Precision precision : {Precision::fp32, Precision::bf16}) {
    const InferenceLstm<float> fast(lstm, precision);
    InferenceLstm<float>::Workspace work;
    Sequence<float> x(30, 4, 20);
    initialise_normal(x.flat(), 1, rng);
    auto state = lstm.zero_state(4);
    std::size_t before = 0;
    for (int pass = 0; pass < 3; ++pass) {
      before = allocations();
      fast.forward(x, state, work);
    }
    CHECK(allocations() == before);
  }
  StreamingLstm<float> stream(lstm, head);
  const Gru<float> gru({.input = 30, .hidden = 100, .layers = 2}, rng);
  const Lstm<float> projected({.input = 30, .hidden = 100, .layers = 2, .projection = 40}, rng);
  const Lstm<float> normed({.input = 30, .hidden = 100, .layer_norm = true}, rng);
  StreamingGru<float> gru_stream(gru, head);
  StreamingLstm<float> projected_stream(projected), normed_stream(normed, head);
  const Lstm<float> small({.input = 1, .hidden = 16, .layers = 2}, rng);
  StreamingLstm<float> small_stream(small, Linear<float>(16, 1, rng), {.math = Math::fast});
  StreamingLstm<float> voices(lstm, head, {.voices = 3});
  std::vector<StreamingLstm<float>> reduced;
  for (WeightPrecision precision : {WeightPrecision::bf16, WeightPrecision::int8})
    for (Index B : {1, 3}) reduced.emplace_back(lstm, head, StreamingOptions{.precision = precision, .voices = B});
  const std::vector<float> x(30, 0.5f), many(3000 * 30, 0.5f), mono(3000, 0.5f);
  std::vector<float> y(3000 * 100);
  const std::size_t before = allocations();
  for (int step = 0; step < 10; ++step) {
    for (auto* lstm_stream : {&stream, &projected_stream, &normed_stream}) lstm_stream->step(x);
    gru_stream.step(x);
  }
  for (auto* lstm_stream : {&stream, &projected_stream, &normed_stream})
    lstm_stream->process(many, std::span(y).first(static_cast<std::size_t>(3000 * lstm_stream->output())));
  gru_stream.process(many, std::span(y).first(3000 * 3));
  small_stream.process(mono, std::span(y).first(3000));
  small_stream.step(std::span(mono).first(1));
  voices.process(many, std::span(y).first(3000 * 3));
  for (auto& of_rounded : reduced) {
    of_rounded.process(many, std::span(y).first(3000 * 3));
    of_rounded.step(std::span(many).first(static_cast<std::size_t>(30 * of_rounded.voices())));
  }
  CHECK(allocations() == before);
  set_num_threads(threads_before);
}

TEST_CASE("the memory of training agrees with the documented formula") {
  if (cpu_level() == CpuLevel::baseline) return;  // uses another pass
  Rng rng(5);
  const Index C = 64, H = 128;  // whole panels, so that nothing is rounded up
  for (Index B : {1, 16, 64})
    for (Index T : {10, 40, 160, 640}) {
      Lstm<float> lstm({.input = C, .hidden = H}, rng);
      zero_grad(lstm);
      Sequence<float> x(C, B, T), dy(H, B, T), dx;
      fill(Cpu{}, x.flat(), 0.5f);
      fill(Cpu{}, dy.flat(), 0.5f);
      auto state = lstm.zero_state(B), d_state = lstm.zero_state(B);
      const std::size_t before = rondo_test::allocated_bytes();
      Lstm<float>::Cache cache;
      lstm.forward(x, state, cache, Inference{});
      lstm.backward(x, dy, cache, d_state, &dx);
      const auto used = static_cast<double>(rondo_test::allocated_bytes() - before);
      // docs/04-cpu-kernels.md: gates, c, tanh c, y; dx; states; packed weights; dz of two chunks
      const Index chunk = std::min(T, std::max<Index>(1, 256 / B));
      const Index floats = 7 * H * B * T + C * B * T + 4 * H * B + 2 * 4 * H * (C + H) + 2 * 4 * H * B * chunk;
      INFO("B " << B << ", T " << T << ": " << used << " bytes");
      CHECK(used >= 4.0 * static_cast<double>(floats));
      // Also small bookkeeping allocations and padding to cache lines.
      CHECK(used <= 4.0 * static_cast<double>(floats) + sizeof(LayerCache<float>) + 4096);
    }
}

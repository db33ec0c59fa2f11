// SPDX-License-Identifier: MIT
// A warm training step and a warm streaming step ask for no memory, at sizes at which a matrix product packs its
// factors.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <Eigen/Core>

#include <rondo/layers/inference.hpp>
#include <rondo/layers/streaming.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/sampling.hpp>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"

using namespace rondo;
using rondo_test::allocations;

TEST_CASE("the counter counts") {
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
    CHECK(during([&] { c.noalias() = a * a; }) > 0);  // what the tiles of cpu/gemm.hpp avoid
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
    const Index K = m.config().per_step;
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
    for (int step = 0; step < 3; ++step) {  // two steps warm it: buffers between layers take turns
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
  TokenModel<Scalar> told({.vocabulary = 60, .conditions = 165, .per_step = 20, .embedding = 30, .hidden = 100}, rng);
  CHECK(during_warm_step(told, 16, 20) == 0);  // of float by table
  CHECK(during_warm_step(told, 4, 10) == 0);   // by look-up
}

TEMPLATE_TEST_CASE("a warm ragged pass allocates nothing", "", float, double) {
  using Scalar = TestType;
  Rng rng(3);
  Lstm<Scalar> lstm({.input = 88, .hidden = 200, .layers = 2}, rng);
  Sequence<Scalar> x(88, 4, 20), dy(200, 4, 20), dx;
  x.set_lengths(std::vector<Index>{20, 3, 17, 0});
  typename Lstm<Scalar>::Cache cache;
  auto state = lstm.zero_state(4), d_state = lstm.zero_state(4);
  std::size_t before = 0;
  for (int pass = 0; pass < 3; ++pass) {
    before = allocations();
    lstm.forward(x, state, cache, Inference{});
    lstm.backward(x, dy, cache, d_state, &dx);
  }
  CHECK(allocations() == before);
}

TEMPLATE_TEST_CASE("a warm step and a draw allocate nothing", "", float, double) {
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

TEST_CASE("warm inference and a stream allocate nothing, with threads too") {
  const int threads_before = threads();
  const int count = GENERATE(1, 2);
  if (set_threads(count) != count) return;
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
  const std::vector<float> x(30, 0.5f);
  const std::size_t before = allocations();
  for (int step = 0; step < 10; ++step) stream.step(x);
  CHECK(allocations() == before);
  set_threads(threads_before);
}

TEST_CASE("the memory of training is the documented formula") {
  if (cpu_level() == CpuLevel::baseline) return;  // another pass
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
      CHECK(used <= 4.0 * static_cast<double>(floats) + 4096);  // lists, and roundings to cache lines
    }
}

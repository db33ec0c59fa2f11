// SPDX-License-Identifier: MIT
// The C++ blocks of docs/05-cuda-kernels.md, on the host executor.
#include <rondo/cuda.hpp>
#include <rondo/rondo.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace {

TEST_CASE("a layer on a GPU") {
  rondo::Rng rng(1);
  rondo::Sequence<float> x(88, 2, 2);
  rondo::initialise_normal(x.flat(), 1.0, rng);
  const rondo::cuda::Stream stream = rondo::cuda::Context::current().stream();
  rondo::Lstm<float, rondo::Cuda>::Cache cache;
  // [cuda]
  rondo::cuda::Context context(stream);    // your stream; without an argument, a new one
  rondo::cuda::ContextGuard use(context);  // this thread's operations run in `context`
  context.set_recurrent_algorithm(rondo::cuda::RecurrentAlgorithm::graph);

  rondo::Lstm<float, rondo::Cuda> lstm({.input = 88, .hidden = 512, .precision = rondo::Precision::bf16}, rng);
  auto state = lstm.zero_state(x.batch());
  const auto& y = lstm.forward(rondo::to<rondo::Cuda>(x), state, cache, rondo::Inference{});
  // [/cuda]
  const rondo::Sequence<float> outputs = rondo::to<rondo::Cpu>(y);
  REQUIRE(outputs.features() == 512);
  CHECK(std::abs(outputs(0, 0, 1)) > 0);
  CHECK(context.last_algorithm() == rondo::cuda::RecurrentAlgorithm::graph);
}

TEST_CASE("a training step that does not wait for the GPU") {
  constexpr rondo::Index B = 2, T = 3;
  rondo::Rng rng(1);
  rondo::TokenModel<float, rondo::Cuda> model({.vocabulary = 5, .embedding = 4, .hidden = 8, .layers = 1}, rng);
  rondo::TokenModel<float, rondo::Cuda>::Cache cache;
  auto state = model.zero_state(B);
  rondo::Adam adam;
  const std::vector<std::int32_t> tokens{0, 1, 2, 3, 4, 0}, targets{1, 2, 3, 4, 0, 1};
  // [step]
  rondo::DeferredLoss<rondo::Cuda> loss;
  rondo::GradientNorm<rondo::Cuda> norm;
  for (int step = 0; step < 10; ++step) {
    rondo::zero_grad(model);
    model.forward_backward(tokens, targets, B, T, state, cache, rondo::Training{rng}, loss);
    rondo::clip_grad_norm(model, 1, norm);
    adam.step(model, 1e-3, norm);
  }
  const double nats = loss.get().mean();  // waits
  // [/step]
  CHECK(nats > 0);
  CHECK(nats < std::log(5.0) + 0.1);
  CHECK(norm.value() > 0);

  double learning_rate = 1e-3;
  // [captured]
  rondo::CapturedStep<rondo::Cuda> captured;
  for (int step = 0; step < 10; ++step) {
    captured.run([&] {
      rondo::zero_grad(model);
      model.forward_backward(tokens, targets, B, T, state, cache, rondo::Training{rng}, loss);
      rondo::clip_grad_norm(model, 1, norm);
      adam.step(model, learning_rate, norm);
    });
    learning_rate *= 0.99;
  }
  // [/captured]
  CHECK(loss.get().mean() < nats);
  CHECK(captured.replays() == 8);
}

}  // namespace

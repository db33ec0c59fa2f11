// SPDX-License-Identifier: MIT
// The delayed copy task of hello_lstm on a GPU: the same model with the device tag Cuda. The trained weights are then
// copied to the CPU, and the logits of both devices are compared. All transfers are explicit calls.
#include <rondo/cuda.hpp>
#include <rondo/rondo.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <vector>

int run() {
  constexpr rondo::Index kSymbols = 4, kDelay = 2, kBatch = 16, kTime = 12, kSteps = 150;
  constexpr rondo::TokenModelConfig kConfig{.vocabulary = kSymbols, .embedding = 16, .hidden = 32, .layers = 1};

  const auto& gpu = rondo::cuda::Context::current();  // throws if there is no GPU
  std::printf("on %s\n", gpu.device().name.c_str());
  rondo::Rng rng(1);
  rondo::TokenModel<float, rondo::Cuda> model(kConfig, rng);
  rondo::TokenModel<float, rondo::Cuda>::Cache cache;
  rondo::Adam adam({.learning_rate = 2e-2});

  std::vector<std::int32_t> symbols(kBatch * kTime), targets(kBatch * kTime);
  double loss = 0;
  for (int step = 0; step <= kSteps; ++step) {
    for (auto& symbol : symbols) symbol = static_cast<std::int32_t>(rng.below(kSymbols));
    for (std::size_t n = 0; n < symbols.size(); ++n)
      targets[n] = n < kDelay * kBatch ? rondo::kIgnoreIndex : symbols[n - kDelay * kBatch];

    auto state = model.zero_state(kBatch);
    rondo::zero_grad(model);
    loss = model.forward_backward(symbols, targets, kBatch, kTime, state, cache, rondo::Training{rng}).mean();
    rondo::clip_grad_norm(model, 1);
    adam.step(model);
    if (step % 25 == 0) std::printf("step %3d   loss %.4f nats\n", step, loss);
  }
  std::printf("algorithm of the LSTM: %s\n", rondo::cuda::name(gpu.last_algorithm()));

  auto state = model.zero_state(kBatch);
  const rondo::Sequence<float> outputs =
      rondo::to<rondo::Cpu>(model.forward(symbols, kBatch, kTime, state, cache, rondo::Inference{}));

  rondo::TokenModel<float> model_here(kConfig, rng);
  rondo::copy_weights(model, model_here);
  rondo::TokenModel<float>::Scratch scratch;
  auto state_here = model_here.zero_state(kBatch);
  float difference = 0;
  for (rondo::Index t = 0; t < kTime; ++t) {
    const auto now = std::span<const std::int32_t>(symbols).subspan(static_cast<std::size_t>(t * kBatch), kBatch);
    const auto logits = model_here.step(now, state_here, scratch);
    for (rondo::Index b = 0; b < kBatch; ++b)
      for (rondo::Index k = 0; k < kSymbols; ++k)
        difference = std::max(difference, std::abs(logits(k, b) - outputs(k, b, t)));
  }
  std::printf("largest difference of a logit between CPU and GPU: %.1e\n", static_cast<double>(difference));
  return loss < 0.1 && difference < 1e-3f ? 0 : 1;
}

int main() {
  try {
    return run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "hello_cuda: %s\n", e.what());
    return 1;
  }
}

// SPDX-License-Identifier: MIT
// The delayed copy task: at each step the input is a symbol, and the target is the symbol of four steps ago. A model
// without memory cannot get below log(6) = 1.79 nats; an LSTM solves the task after a few seconds of training.
#include <rondo/rondo.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  constexpr rondo::Index kSymbols = 6, kDelay = 4, kBatch = 32, kTime = 24, kSteps = 400;

  rondo::Rng rng(1);
  rondo::TokenModel<float> model({.vocabulary = kSymbols, .embedding = 16, .hidden = 48, .layers = 1}, rng);
  rondo::TokenModel<float>::Cache cache;
  rondo::Adam adam({.learning_rate = 1e-2});

  // Token (b, t) of a batch is at index b + B * t, so the symbol of four steps ago is 4 B indices before.
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
    if (step % 50 == 0) std::printf("step %3d   loss %.4f nats\n", step, loss);
  }

  // Inference with the same model, one symbol at a time.
  auto state = model.zero_state(1);
  rondo::TokenModel<float>::Scratch scratch;
  rondo::Sampler most_likely({.temperature = 0});
  std::vector<std::int32_t> outputs;
  for (rondo::Index t = 0; t < kTime; ++t) {
    const auto logits = model.step({&symbols[static_cast<std::size_t>(t)], 1}, state, scratch);
    outputs.push_back(most_likely(std::span<const float>(logits.data, kSymbols), {}, rng).token);
  }
  std::printf("\ninput  ");
  for (std::size_t t = 0; t < outputs.size(); ++t) std::printf(" %d", symbols[t]);
  std::printf("\noutput ");
  for (std::size_t t = 0; t < outputs.size(); ++t) t < kDelay ? std::printf(" .") : std::printf(" %d", outputs[t]);
  std::printf("\n");

  int mistakes = 0;
  for (std::size_t t = kDelay; t < outputs.size(); ++t) mistakes += outputs[t] != symbols[t - kDelay];
  return loss < 0.1 && mistakes == 0 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// The delayed copy: at each step the network hears a symbol and must say the one it heard four steps ago. Whoever only
// looks at the present can do no better than log(6) = 1.79 nats; an LSTM learns to remember in a few seconds.
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

  // Token (b, t) of a batch stands at b + B * t, so what was heard four steps ago stands 4 B places earlier.
  std::vector<std::int32_t> heard(kBatch * kTime), wanted(kBatch * kTime);
  double loss = 0;
  for (int step = 0; step <= kSteps; ++step) {
    for (auto& symbol : heard) symbol = static_cast<std::int32_t>(rng.below(kSymbols));
    for (std::size_t n = 0; n < heard.size(); ++n)
      wanted[n] = n < kDelay * kBatch ? rondo::kIgnore : heard[n - kDelay * kBatch];

    auto state = model.zero_state(kBatch);
    rondo::zero_grad(model);
    loss = model.forward_backward(heard, wanted, kBatch, kTime, state, cache, rondo::Inference{}).mean();
    rondo::clip_grad_norm(model, 1);
    adam.step(model);
    if (step % 50 == 0) std::printf("step %3d   loss %.4f nats\n", step, loss);
  }

  // The same model, one symbol at a time.
  auto state = model.zero_state(1);
  rondo::TokenModel<float>::Scratch scratch;
  rondo::Sampler likeliest({.temperature = 0});
  std::vector<std::int32_t> said;
  for (rondo::Index t = 0; t < kTime; ++t) {
    const auto logits = model.step({&heard[static_cast<std::size_t>(t)], 1}, state, scratch);
    said.push_back(likeliest(std::span<const float>(logits.data, kSymbols), {}, rng).token);
  }
  std::printf("\nheard ");
  for (std::size_t t = 0; t < said.size(); ++t) std::printf(" %d", heard[t]);
  std::printf("\nsaid  ");
  for (std::size_t t = 0; t < said.size(); ++t) t < kDelay ? std::printf(" .") : std::printf(" %d", said[t]);
  std::printf("\n");

  int mistakes = 0;
  for (std::size_t t = kDelay; t < said.size(); ++t) mistakes += said[t] != heard[t - kDelay];
  return loss < 0.1 && mistakes == 0 ? 0 : 1;
}

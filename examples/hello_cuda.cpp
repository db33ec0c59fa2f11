// SPDX-License-Identifier: MIT
// An LSTM that learns on the GPU and is used on the CPU. The task: four coins are thrown at each step; of each say how
// it fell two steps ago. Layers, losses and optimiser are those of the CPU with another tag; what crosses between host
// and device does so by name.
#include <rondo/cuda.hpp>
#include <rondo/rondo.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <numbers>

namespace {

using rondo::Cpu, rondo::Cuda, rondo::Index;

constexpr Index kCoins = 4, kDelay = 2, kHidden = 32, kBatch = 16, kTime = 12, kSteps = 150;
constexpr double kUnknowable =
    std::numbers::ln2 * kCoins * kDelay / kTime;  // nats per step, of the first `kDelay` steps

/// Coins and, `kDelay` steps later, the same coins again; before that there is nothing to say, and 1/2 is as good.
void throw_coins(rondo::Rng& rng, rondo::Sequence<float>& x, rondo::Sequence<float>& wanted) {
  for (Index t = 0; t < kTime; ++t)
    for (Index b = 0; b < kBatch; ++b)
      for (Index k = 0; k < kCoins; ++k) {
        x(k, b, t) = static_cast<float>(rng.below(2));
        wanted(k, b, t) = t < kDelay ? 0.5f : x(k, b, t - kDelay);
      }
}

int run() {
  rondo::Rng rng(1);
  rondo::Lstm<float, Cuda> lstm({.input = kCoins, .hidden = kHidden}, rng);
  rondo::Linear<float, Cuda> output(kHidden, kCoins, rng);
  rondo::Group model(lstm, output);
  rondo::Adam adam({.learning_rate = 2e-2});

  rondo::Sequence<float> x(kCoins, kBatch, kTime), wanted(kCoins, kBatch, kTime);
  rondo::Sequence<float, Cuda> x_there, wanted_there, logits, d_logits, dy;
  rondo::Lstm<float, Cuda>::Cache cache;
  double loss = 0;
  for (Index step = 0; step <= kSteps; ++step) {
    throw_coins(rng, x, wanted);
    rondo::transfer(x, x_there);
    rondo::transfer(wanted, wanted_there);
    auto state = lstm.zero_state(kBatch), d_state = lstm.zero_state(kBatch);
    rondo::zero_grad(model);
    const auto& y = lstm.forward(x_there, state, cache);
    output.forward(y, logits);
    loss = rondo::bernoulli_cross_entropy(logits, wanted_there, &d_logits).mean();
    output.backward(y, d_logits, &dy);
    lstm.backward(x_there, dy, cache, d_state);
    adam.step(model);
    if (step % 25 == 0) std::printf("step %3td   loss %.4f nats\n", step, loss - kUnknowable);
  }

  // The same weights on the CPU, one step at a time, beside what the GPU says of the whole sequence.
  rondo::Lstm<float> lstm_here({.input = kCoins, .hidden = kHidden}, rng);
  rondo::Linear<float> output_here(kHidden, kCoins, rng);
  rondo::Group model_here(lstm_here, output_here);
  rondo::copy_weights(model, model_here);
  auto state_there = lstm.zero_state(kBatch);
  output.forward(lstm.forward(x_there, state_there, cache), logits);
  const rondo::Sequence<float> said = rondo::to<Cpu>(logits);

  auto state = lstm_here.zero_state(kBatch);
  rondo::Buffer<float> scratch;
  rondo::Sequence<float> z(kCoins, kBatch, 1);
  float difference = 0;
  Index mistakes = 0;
  for (Index t = 0; t < kTime; ++t) {
    output_here.step(lstm_here.step(x.at(t), state, scratch), z.at(0));
    for (Index b = 0; b < kBatch; ++b)
      for (Index k = 0; k < kCoins; ++k) {
        difference = std::max(difference, std::abs(z(k, b, 0) - said(k, b, t)));
        mistakes += t >= kDelay && (z(k, b, 0) > 0) != (wanted(k, b, t) > 0.5f);
      }
  }
  const auto& gpu = rondo::cuda::Context::current();
  std::printf("learned on %s, walking %s; %td mistakes on the CPU; largest difference of a logit %.1e\n",
              gpu.device().name.c_str(), rondo::cuda::name(gpu.last_walk()), mistakes, static_cast<double>(difference));
  return mistakes == 0 && difference < 1e-3f ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& e) {  // among others: there is no GPU
    std::fprintf(stderr, "hello_cuda: %s\n", e.what());
    return 1;
  }
}

// SPDX-License-Identifier: MIT
// A program of your own: the network learns to predict the next sample of a sine wave. stream.cpp runs it.
#include "stream.hpp"

#include <rondo/rondo.hpp>

#include <cstdio>

int main() {
  constexpr rondo::Index T = 60;
  rondo::Rng rng(7);
  rondo::Lstm<float> lstm({.input = 1, .hidden = 24}, rng);
  rondo::Linear<float> readout(24, 1, rng);
  auto model = rondo::named("lstm", lstm, "readout", readout);
  rondo::Adam adam({.learning_rate = 1e-2});
  rondo::Lstm<float>::Cache cache;
  rondo::Sequence<float> x(1, 1, T), target(1, 1, T), y, dy, dh;
  for (rondo::Index t = 0; t < T; ++t) x(0, 0, t) = wave(t), target(0, 0, t) = wave(t + 1);

  double loss = 0;
  for (int step = 0; step < 300; ++step) {
    auto state = lstm.zero_state(1);
    const auto& h = lstm.forward(x, state, cache, rondo::Training{rng});
    readout.forward(h, y);
    loss = rondo::mean_squared_error(y, target, &dy).mean();
    rondo::zero_grad(model);
    readout.backward(h, dy, &dh);
    auto d_state = lstm.zero_state(1);
    lstm.backward(x, dh, cache, d_state);
    adam.step(model);
  }
  const double error = stream(lstm, readout, T, "next_sample.mid");
  std::printf("mean squared error after 300 steps: %.5f, streaming: %.5f\n", loss, error);
  return loss < 0.01 && error < 0.01 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// One training step of an LSTM: forward, backward, Adam.
#include <rondo/rondo.hpp>

int main() {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 3, .hidden = 16, .layers = 2}, rng);
  rondo::Lstm<float>::Cache cache;
  rondo::Sequence<float> x(3, 4, 10), dy(16, 4, 10), dx;
  rondo::initialise_normal(x.flat(), 1.0, rng);
  auto state = lstm.zero_state(4);
  const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});
  rondo::copy(rondo::Cpu{}, y.flat(), dy.flat());
  auto d_state = lstm.zero_state(4);
  lstm.backward(x, dy, cache, d_state, &dx);
  rondo::Adam({.learning_rate = 1e-2}).step(lstm);
}

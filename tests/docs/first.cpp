// SPDX-License-Identifier: MIT
// The example of README.md, a complete program. The block in README.md is the region below.
// [first]
#include <rondo/rondo.hpp>

int main() {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 3, .hidden = 16, .layers = 2}, rng);
  rondo::Lstm<float>::Cache cache;                        // activations for backward; the layer itself stays const
  rondo::Sequence<float> x(3, 4, 10), dy(16, 4, 10), dx;  // features x batch x time
  rondo::initialise_normal(x.flat(), 1.0, rng);
  auto state = lstm.zero_state(4);
  const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // 16 x 4 x 10; updates `state`
  rondo::copy(rondo::Cpu{}, y.flat(), dy.flat());                       // the gradient of |y|^2 / 2
  auto d_state = lstm.zero_state(4);
  lstm.backward(x, dy, cache, d_state, &dx);  // gradients of weights, inputs and initial state
  rondo::Adam({.learning_rate = 1e-2}).step(lstm);
}
// [/first]

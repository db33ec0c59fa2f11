// SPDX-License-Identifier: MIT
// One step of a streaming LSTM.
#include <rondo/rondo.hpp>

#include <array>

int main() {
  rondo::Rng rng(1);
  const rondo::Lstm<float> lstm({.input = 3, .hidden = 16}, rng);
  rondo::StreamingLstm<float, 3, 16> stream(lstm);
  return stream.step(std::array{1.0f, 2.0f, 3.0f})[0] > 1 ? 1 : 0;
}

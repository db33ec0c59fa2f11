// SPDX-License-Identifier: MIT
#include <rondo/layers/lstm.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <cstdio>

int main() {
  rondo::Rng rng(1);
  const rondo::Lstm<float> lstm({.input = 1, .hidden = 8}, rng);
  auto state = lstm.zero_state(1);
  rondo::Lstm<float>::Scratch scratch;
  const rondo::Sequence<float> x(1, 1, 1);
  lstm.step(x.at(0), state, scratch);
  std::printf("%zu bytes of MIDI, %d hidden units\n", rondo::midi::write(rondo::midi::compose({})).size(),
              static_cast<int>(lstm.hidden()));
}

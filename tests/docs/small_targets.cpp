// SPDX-License-Identifier: MIT
// The C++ block of docs/14-small-targets.md, with the weights of examples/microcontroller.

// [callback]
#include <weights.hpp>  // of: rondo convert model.nam weights.hpp

constinit weights::Model model;  // the state; weights stay in flash

void audio_callback(const float* in, float* out, size_t samples) { model.process(in, out, samples); }
// [/callback]

int main() {
  float in[64] = {}, out[64] = {};
  for (size_t n = 0; n < 64; ++n) in[n] = weights::kSelfTest.x[n][0];
  audio_callback(in, out, 64);
  float worst = 0;
  for (size_t n = 0; n < 64; ++n) {
    const float difference = out[n] - weights::kSelfTest.y[n][0];
    worst = difference > worst ? difference : -difference > worst ? -difference : worst;
  }
  return worst <= weights::kSelfTest.tolerance ? 0 : 1;
}

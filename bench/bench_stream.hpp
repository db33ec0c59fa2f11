// SPDX-License-Identifier: MIT
// Rondo's side of bench_stream: compiled as a user's program is, apart from code compiled for this machine.
#pragma once

#include <memory>

namespace bench {

/// What is measured.
struct StreamCase {
  int hidden, layers, block;  // block 1: single steps, each input depends on the output before it
  bool gru, fast;
  int voices;
  int weight_bits = 32;  // 32: fp32, 16: bf16, 8: int8
};

/// A network with one input and a linear layer with one output.
class RondoStream {
 public:
  explicit RondoStream(const StreamCase& which);
  ~RondoStream();

  void step(const float* x, float* y);                // a value for each voice
  void process(const float* x, float* y, int steps);  // for each step and voice

  struct Stream;

 private:
  std::unique_ptr<Stream> stream_;
};

}  // namespace bench

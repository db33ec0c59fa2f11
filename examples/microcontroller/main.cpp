// SPDX-License-Identifier: MIT
// Runs the self-test of a model for microcontrollers, and measures a step. <weights.hpp> is written by
// `rondo convert MODEL weights.hpp`. Builds for a Cortex-M7 (build.sh) and for this machine. Exit status 1 if the
// self-test fails.
#include <weights.hpp>

#include "board.hpp"

namespace {

constinit weights::Model model;
constexpr unsigned kSteps = 1000;

// One step for each input of the self-test in turn.
float run_steps() {
  float sum = 0;
  for (unsigned t = 0; t < kSteps; ++t) sum += model.step(weights::kSelfTest.x[t % 16])[0];
  return sum;
}

}  // namespace

int main() {
  const float difference = rondo::embedded::self_test_difference(model, weights::kSelfTest);
  const bool passed = difference <= weights::kSelfTest.tolerance;
  board::print("largest difference x 1e9: ", static_cast<unsigned>(difference < 4 ? difference * 1e9f : 4e9f));
  board::print(passed ? "self-test PASS, bytes of state: " : "self-test FAIL, bytes of state: ", sizeof model);

  const unsigned start = board::ticks();
  const float sum = run_steps();
  board::print("ticks of 1000 steps: ", board::ticks() - start);
  if (sum == 0) board::print("the outputs are zero: ", 0);
  return passed ? 0 : 1;
}

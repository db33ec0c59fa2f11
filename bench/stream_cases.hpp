// SPDX-License-Identifier: MIT
// The measurement of one case of bench_stream, the same for all libraries.
#pragma once

#include "bench_stream.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <vector>

namespace bench {

inline constexpr int kHidden[] = {8, 12, 16, 20, 24, 32, 40, 64, 80};

inline std::string name_of(const StreamCase& which, const char* who) {
  return std::string(who) + "/H:" + std::to_string(which.hidden) + "/L:" + std::to_string(which.layers) +
         "/block:" + std::to_string(which.block);
}

/// Seconds per step and voice, of `steps` of them in each iteration.
inline benchmark::Counter per_step(int steps) {
  return {static_cast<double>(steps), static_cast<benchmark::Counter::Flags>(
                                          benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert)};
}

/// `stream` has step(x, y) and process(x, y, steps).
template <class Stream>
void measure(benchmark::State& state, const StreamCase& which, Stream& stream) {
  const auto voices = static_cast<std::size_t>(which.voices);
  std::vector<float> x(voices * static_cast<std::size_t>(which.block), 0.3f), y(x.size());
  if (which.block == 1)
    for (auto _ : state) {
      stream.step(x.data(), y.data());
      for (std::size_t b = 0; b < voices; ++b) x[b] = 0.1f + 0.01f * y[b];  // the next step depends on this one
    }
  else
    for (auto _ : state) {
      stream.process(x.data(), y.data(), which.block);
      benchmark::ClobberMemory();
    }
  state.counters["s_per_step"] = per_step(which.block * which.voices);
}

/// Prints the median and the worst time of 10 million steps for inputs that are slow or poisonous elsewhere.
int print_worst_steps();

}  // namespace bench

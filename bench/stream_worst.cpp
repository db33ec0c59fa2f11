// SPDX-License-Identifier: MIT
// The worst of 10 million steps beside the median, for noise, silence, denormal and NaN inputs.
#include "stream_cases.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>

namespace bench {

int print_worst_steps() {
  using Clock = std::chrono::steady_clock;
  constexpr int kSteps = 10000000;
  std::printf("H 16, one layer, exact, ns per step with the clock's own time\n%-9s %8s %8s %8s %8s\n", "input",
              "median", "p99.9", "p99.999", "worst");
  for (const char* input : {"noise", "silence", "denormal", "NaN"}) {
    RondoStream stream({.hidden = 16, .layers = 1, .block = 1, .gru = false, .fast = false, .voices = 1});
    std::vector<float> times(kSteps);
    unsigned random = 1;
    for (int n = -100000; n < kSteps; ++n) {
      random = random * 1664525u + 1013904223u;
      float x = static_cast<float>(random >> 8) * 0x1p-23f - 1, y;
      if (input[0] == 's') x = 0;
      if (input[0] == 'd') x *= std::numeric_limits<float>::denorm_min() * 1000;
      if (input[0] == 'N') x = std::numeric_limits<float>::quiet_NaN();
      const auto start = Clock::now();
      stream.step(&x, &y);
      const std::chrono::duration<float, std::nano> time = Clock::now() - start;
      benchmark::DoNotOptimize(y);
      if (n >= 0) times[static_cast<std::size_t>(n)] = time.count();
    }
    std::ranges::sort(times);
    const auto at = [&](double q) {
      return static_cast<double>(times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1))]);
    };
    std::printf("%-9s %8.0f %8.0f %8.0f %8.0f\n", input, at(0.5), at(0.999), at(0.99999), at(1));
  }
  return 0;
}

}  // namespace bench

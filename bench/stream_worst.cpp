// SPDX-License-Identifier: MIT
// The slowest of 10 million steps, for noise, silence, denormal and NaN inputs. Interruptions of the thread, by the
// operating system or a hypervisor, are separated from the stream's own work in two ways. Steps alternate with a loop
// of the same length that does nothing else and is interrupted as often. And the same steps are repeated: what a step
// does is the same each time, so its own slowness is in all repetitions, an interruption in one.
#include "stream_cases.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>

namespace bench {
namespace {

constexpr int kSteps = 10000000, kWarmUp = 100000, kRepetitions = 5;

using Clock = std::chrono::steady_clock;

float nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<float, std::nano>(Clock::now() - start).count();
}

float chain(int multiply_adds) {
  float value = 1;
  benchmark::DoNotOptimize(value);
  for (int n = 0; n < multiply_adds; ++n) value = value * 0.5f + 1;
  benchmark::DoNotOptimize(value);
  return value;
}

/// Times of one of the two, ns.
class Times {
 public:
  Times() : all_(static_cast<std::size_t>(kSteps) * kRepetitions), least_(kSteps, 1e9f) {}

  void add(int repetition, int step, float ns) {
    const auto n = static_cast<std::size_t>(step);
    all_[static_cast<std::size_t>(repetition) * kSteps + n] = ns;
    least_[n] = std::min(least_[n], ns);
  }
  /// Of `least`, or of all, the quantile q; sorts.
  void print(const char* input, const char* what) {
    std::ranges::sort(all_), std::ranges::sort(least_);
    const auto at = [](const std::vector<float>& times, double q) {
      return static_cast<double>(times[static_cast<std::size_t>(q * static_cast<double>(times.size() - 1))]);
    };
    std::printf("| %s | %s |", input, what);
    for (double q : {0.5, 0.999, 0.9999, 0.99999, 1.0}) std::printf(" %.0f |", at(all_, q));
    for (double q : {0.5, 0.99999, 1.0}) std::printf(" %.0f |", at(least_, q));
    std::printf("\n");
  }

 private:
  std::vector<float> all_, least_;  // of each repetition and step; of each step, the least of all repetitions
};

float input_of(char kind, std::uint32_t random) {
  const float noise = static_cast<float>(random >> 8) * 0x1p-23f - 1;
  switch (kind) {
    case 's':
      return 0;
    case 'd':
      return noise * std::numeric_limits<float>::denorm_min() * 1000;
    case 'N':
      return std::numeric_limits<float>::quiet_NaN();
    default:
      return noise;
  }
}

/// The length of a chain that takes `ns`.
int chain_of(float ns) {
  constexpr int kLong = 10000;
  float least = 1e9f;
  for (int n = 0; n < 100; ++n) {
    const auto start = Clock::now();
    chain(kLong);
    least = std::min(least, nanoseconds_since(start));
  }
  return static_cast<int>(ns * kLong / least);
}

float step_time(RondoStream& stream) {
  float x = 0.1f, y;
  const auto start = Clock::now();
  for (int n = 0; n < kWarmUp; ++n) {
    stream.step(&x, &y);
    benchmark::DoNotOptimize(y);
  }
  return nanoseconds_since(start) / kWarmUp;
}

}  // namespace

int print_worst_steps() {
  const StreamCase which{.hidden = 16, .layers = 1, .block = 1, .gru = false, .fast = false, .voices = 1};
  const auto involuntary_switches = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
  };
  const long switches_before = involuntary_switches();
  std::printf("H 16, one layer, exact; ns with the clock's own time; %d steps, repeated %d times\n\n", kSteps,
              kRepetitions);
  std::printf(
      "| input | | all: median | 99.9 %% | 99.99 %% | 99.999 %% | worst | least of %d: median | 99.999 %% | worst "
      "|\n|---|---|---|---|---|---|---|---|---|---|\n",
      kRepetitions);
  for (const char* input : {"noise", "silence", "denormal", "NaN"}) {
    Times of_steps, of_loop;
    for (int repetition = 0; repetition < kRepetitions; ++repetition) {
      RondoStream stream(which), other(which);
      const int length = chain_of(step_time(other));
      std::uint32_t random = 1;
      for (int n = -kWarmUp; n < kSteps; ++n) {
        random = random * 1664525u + 1013904223u;
        float x = input_of(input[0], random), y;
        auto start = Clock::now();
        stream.step(&x, &y);
        const float of_step = nanoseconds_since(start);
        benchmark::DoNotOptimize(y);
        start = Clock::now();
        chain(length);
        const float of_chain = nanoseconds_since(start);
        if (n < 0) continue;
        of_steps.add(repetition, n, of_step);
        of_loop.add(repetition, n, of_chain);
      }
    }
    of_steps.print(input, "step");
    of_loop.print(input, "loop");
  }
  std::printf("\ninvoluntary context switches: %ld\n", involuntary_switches() - switches_before);
  return 0;
}

}  // namespace bench

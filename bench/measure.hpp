// SPDX-License-Identifier: MIT
// The loop of every benchmark, timed by the clock on the wall: the rates that Google Benchmark itself forms go by the
// processor time of one thread.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <utility>

namespace bench {

/// Runs `call` as often as `state` says, once beforehand so that memory has been taken and touched. Returns the mean
/// time of a call in seconds.
template <class Call>
double seconds_per_call(benchmark::State& state, Call&& call) {
  using Clock = std::chrono::steady_clock;
  call();
  const auto start = Clock::now();
  for ([[maybe_unused]] auto _ : state) {
    call();
    benchmark::ClobberMemory();
  }
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  return elapsed.count() / static_cast<double>(state.iterations());
}

/// Registers `run(state)` under exactly this name: arguments given to Google Benchmark would be appended to it.
template <class Run>
void add(const std::string& name, benchmark::TimeUnit unit, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(run))->Unit(unit);
}

/// Tells the report what it is a report of, as CMake knows it.
inline void add_context() {
  benchmark::AddCustomContext("rondo", RONDO_BENCH_VERSION);
  benchmark::AddCustomContext("compiler", RONDO_BENCH_COMPILER);
  benchmark::AddCustomContext("flags", RONDO_BENCH_FLAGS);
}

}  // namespace bench

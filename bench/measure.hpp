// SPDX-License-Identifier: MIT
// The measuring loop of every benchmark. It uses wall-clock time: the rates of Google Benchmark itself are based on the
// CPU time of one thread.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <utility>

namespace bench {

/// Runs `call` as often as `state` requires, after one warm-up call that allocates and touches memory. Returns the mean
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

/// Registers `run(state)` under exactly this name. (Google Benchmark would append arguments to it.)
template <class Run>
void add(const std::string& name, benchmark::TimeUnit unit, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(run))->Unit(unit);
}

/// Adds the library's version, compiler and flags, as configured by CMake, to the report.
inline void add_context() {
  benchmark::AddCustomContext("rondo", RONDO_BENCH_VERSION);
  benchmark::AddCustomContext("compiler", RONDO_BENCH_COMPILER);
  benchmark::AddCustomContext("flags", RONDO_BENCH_FLAGS);
}

}  // namespace bench

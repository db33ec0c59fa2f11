// SPDX-License-Identifier: MIT
#include "machine_peak.hpp"

#include "measure.hpp"
#include "peak_kernels.hpp"

#include <rondo/core/buffer.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

/// Runs work(k) in `count` threads at once, k = 0 .. count - 1, including the calling thread.
template <class Work>
void in_threads(int count, Work work) {
  std::vector<std::thread> others;
  for (int k = 1; k < count; ++k) others.emplace_back(work, k);
  work(0);
  for (std::thread& other : others) other.join();
}

void peak_fma(benchmark::State& state, int threads) {
  constexpr long kRounds = 1'000'000;  // about 10 ms, so that the start of threads is negligible
  const Kernels& k = kernels();
  const double seconds = seconds_per_call(state, [&] {
    in_threads(threads, [&](int) { benchmark::DoNotOptimize(k.multiply_adds(kRounds, 0.5f, 1.0f)); });
  });
  state.counters["GFLOP/s"] = 2e-9 * static_cast<double>(kRounds * k.multiply_adds_per_round) * threads / seconds;
}

/// Each thread repeatedly reads its own buffer of `bytes`.
void peak_bandwidth(benchmark::State& state, long bytes, int threads) {
  constexpr long kGrain = 256;  // floats; read_all requires multiples of it
  const long count = bytes / static_cast<long>(sizeof(float)) / kGrain * kGrain;
  const long repeats = std::max(1L, (1L << 30) / bytes);  // 1 GiB per call, as above
  std::vector<rondo::Buffer<float>> parts(static_cast<std::size_t>(threads));
  for (auto& part : parts) {
    part.resize(count);
    std::fill_n(part.data(), count, 1.0f);
  }
  const double seconds = seconds_per_call(state, [&] {
    in_threads(threads, [&](int k) {
      for (long r = 0; r < repeats; ++r)
        benchmark::DoNotOptimize(kernels().read_all(parts[static_cast<std::size_t>(k)].data(), count));
    });
  });
  state.counters["GB/s"] =
      1e-9 * static_cast<double>(count * static_cast<long>(sizeof(float)) * repeats) * threads / seconds;
}

/// Bytes of the data cache of this level; a usual size if the system does not report it.
long cache_size(int level) {
  for (const auto& cache : benchmark::CPUInfo::Get().caches)
    if (cache.level == level && cache.type != "Instruction") return cache.size;
  return level == 2 ? 1 << 20 : 32 << 20;
}

}  // namespace

void add_machine_peaks() {
  for (const int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    add("peak_fma" + suffix, benchmark::kMillisecond, [=](benchmark::State& state) { peak_fma(state, threads); });

    struct Source {
      const char* name;
      long bytes;  // per thread: half of the cache, so that it stays there, or far more than any cache
    };
    const long L2 = cache_size(2), L3 = cache_size(3);
    for (const Source& from : {Source{"L2", L2 / 2}, Source{"L3", std::max(2 * L2, L3 / 2 / threads)},
                               Source{"memory", std::max(256L << 20, 8 * L3)}})
      add(std::string("peak_bandwidth/from:") + from.name + suffix, benchmark::kMillisecond,
          [=](benchmark::State& state) { peak_bandwidth(state, from.bytes, threads); });
  }
}

}  // namespace bench

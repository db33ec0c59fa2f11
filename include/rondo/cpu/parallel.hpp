// SPDX-License-Identifier: MIT
// Parallel loops and parallel sums. Short ranges run in one thread. The order of a sum depends only on the range.
#pragma once

#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/cpu/threads.hpp>

#include <array>
#include <cstddef>

namespace rondo::inline RONDO_ABI::detail {

/// Number of values below which one thread is faster.
inline constexpr Index kMinParallelWork = 1 << 15;

/// Calls f(first, last) in several threads for parts of [0, n) that start at multiples of `grain`. `numbers` is the
/// number of values that are read or written in total.
template <class F>
void parallel_for(Index n, Index grain, Index numbers, F&& f) {
  run_parallel(numbers >= kMinParallelWork ? num_threads() : 1, [&](const ThreadGroup& group) {
    const FlushDenormals guard;
    const auto [first, last] = group.range(n, grain);
    if (first < last) f(first, last);
  });
}

/// Sum of part(first, last) over 64 fixed parts of [0, n), added in order: bit-identical for any number of threads.
template <class Part>
double parallel_sum(Index n, Index numbers, Part&& part) {
  constexpr Index kParts = 64;
  std::array<double, kParts> sums{};
  parallel_for(kParts, 1, numbers, [&](Index first, Index last) {
    for (Index p = first; p < last; ++p) sums[static_cast<std::size_t>(p)] = part(n * p / kParts, n * (p + 1) / kParts);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace rondo::inline RONDO_ABI::detail

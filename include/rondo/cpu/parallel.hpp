// SPDX-License-Identifier: MIT
// Work over a long range, divided among threads where it is long enough; and sums over one, in an order that depends on
// the range alone.
#pragma once

#include <rondo/cpu/flush_denormals.hpp>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/cpu/threads.hpp>

#include <array>
#include <cstddef>

namespace rondo::inline RONDO_ABI::detail {

/// Below this size one thread is faster.
inline constexpr Index kMinParallelWork = 1 << 15;

/// f(first, last) for parts of [0, n) that each begin at a multiple of `grain`; `numbers` in all are touched.
template <class F>
void parallel_for(Index n, Index grain, Index numbers, F&& f) {
  run_parallel(numbers >= kMinParallelWork ? num_threads() : 1, [&](const ThreadGroup& group) {
    const FlushDenormals guard;
    const auto [first, last] = group.range(n, grain);
    if (first < last) f(first, last);
  });
}

/// The sum of part(first, last) over fixed parts of [0, n), added in their order: the same bits for any number of
/// threads.
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

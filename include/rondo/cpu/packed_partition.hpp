// SPDX-License-Identifier: MIT
// How a group shares one packed pass, and how many steps it takes at a time. Legend: H hidden units, P outputs, B
// batch.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/recurrent/steps.hpp>

#include <algorithm>

namespace rondo::inline RONDO_ABI::detail {

/// Steps that are projected at a time: about a hundred columns, so that Z is still in cache when the recurrence reads
/// it.
inline Index forward_chunk_steps(Index batch) { return std::max<Index>(1, 96 / std::max<Index>(1, batch)); }

/// Steps whose dz is kept: enough columns for one pass over dW and dR to be worth its reading and writing.
inline Index backward_chunk_steps(Index batch) {
  return std::max<Index>(1, GradientSums<float>::kMaxDepth / std::max<Index>(1, batch));
}

/// Whether step t takes its units last first. With few columns a step's time is that of reading R, and every other step
/// then begins with what the one before has left in cache; with more, prefetching finds the usual order easier.
inline bool reverse_unit_order(Index t, Index batch) { return t % 2 != 0 && batch <= 4; }

/// What a thread does of each step: by columns of the batch (nobody waits) where R fits every core's cache and there
/// are columns enough to fill tiles; else by units and by outputs in whole grains (each core keeps its rows of R, and
/// all wait for each other after a step).
struct WorkPartition {
  ThreadGroup::Range units, outputs, columns;  // of H, P, B
  bool by_columns;

  WorkPartition(const ThreadGroup& group, Index H, Index P, Index B, Index unit_grain, Index output_grain) {
    constexpr Index kCacheBytes = Index{1} << 20, kFewColumns = 12;
    by_columns = group.size > 1 && 16 * H * P <= kCacheBytes && B >= kFewColumns * group.size;
    units = by_columns ? ThreadGroup::Range{0, H} : group.range(H, unit_grain);
    outputs = by_columns ? ThreadGroup::Range{0, P} : group.range(P, output_grain);
    columns = by_columns ? group.range(B) : ThreadGroup::Range{0, B};
  }
};

/// Rows of step t that lie in padding become zeros, or those of `initial_state`, a state before the first step, where a
/// reverse pass enters from them.
inline void clear_padding(const Steps& steps, Index t, ThreadGroup::Range rows, ThreadGroup::Range columns,
                          MatrixView<float> a, MatrixView<const float> initial_state) {
  if (!steps.extent.ragged()) return;
  for (Index b = columns.first; b < columns.last; ++b) {
    if (steps.extent.active(b, t)) continue;
    if (initial_state.data && steps.holds_initial_state(b, t))
      std::copy_n(&initial_state(rows.first, b), rows.size(), &a(rows.first, b));
    else
      std::fill_n(&a(rows.first, b), rows.size(), 0.0f);
  }
}

/// Sets the columns that a reverse pass enters from, y(t) at t = length: to the state before the first step while it
/// runs, and back to zeros.
inline void set_initial_state_columns(const Steps& steps, ThreadGroup::Range rows, ThreadGroup::Range columns,
                                      const SequenceView<float>& y, MatrixView<const float> initial_state) {
  if (!steps.reverse() || !steps.extent.ragged()) return;
  for (Index b = columns.first; b < columns.last; ++b) {
    const Index t = steps.extent.length(b);
    if (t == 0 || t == steps.count()) continue;
    float* const to = &y.at(t)(rows.first, b);
    if (initial_state.data)
      std::copy_n(&initial_state(rows.first, b), rows.size(), to);
    else
      std::fill_n(to, rows.size(), 0.0f);
  }
}

}  // namespace rondo::inline RONDO_ABI::detail

// SPDX-License-Identifier: MIT
// The partition of a packed pass into chunks of steps and among threads. Legend: H hidden units, P outputs, B batch.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/thread_group.hpp>
#include <rondo/recurrent/steps.hpp>

#include <algorithm>

namespace rondo::inline RONDO_ABI::detail {

/// Steps per chunk of the forward pass: about 100 columns, so that Z is still in cache when the recurrence reads it.
inline Index forward_chunk_steps(Index batch) { return std::max<Index>(1, 96 / std::max<Index>(1, batch)); }

/// Steps per chunk of the backward pass: enough columns to amortise reading and writing dW and dR.
inline Index backward_chunk_steps(Index batch) {
  return std::max<Index>(1, GradientSums::kMaxDepth / std::max<Index>(1, batch));
}

/// Whether step t processes its units in reverse order. With few columns, reading R dominates the time of a step; if
/// every other step is reversed, it starts with the part of R that the previous step has left in cache. With more
/// columns, prefetching works better with the normal order.
inline bool reverse_unit_order(Index t, Index batch) { return t % 2 != 0 && batch <= 4; }

/// One thread's share of each step. If R fits in the cache of a core and each thread has enough columns to fill tiles,
/// the threads divide the columns of the batch and need no barrier. Otherwise they divide units and outputs, in whole
/// grains, with a barrier after each step; each core then reads only its own rows of R.
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

/// Clears the columns of a = a(t) that are padding. In a reverse pass, the padding step before a sequence's first step
/// is set to `initial_state` instead, if that has data: the next step reads its previous state from there.
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

/// Sets y(t) at t = length, the padding step before the first step of a reverse pass, to `initial_state`, or to zeros
/// if that has no data. A pass clears it before it returns.
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

// SPDX-License-Identifier: MIT
// How a team shares one pass of the packed LSTM, and how many steps it takes at a time. Legend: H hidden units, B
// batch.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/threads.hpp>

#include <algorithm>

namespace rondo::inline v0::detail {

/// Steps that are projected at a time: about a hundred columns, so that Z is still in cache when the recurrence reads
/// it.
inline Index steps_projected(Index batch) { return std::max<Index>(1, 96 / std::max<Index>(1, batch)); }

/// Steps whose dz is kept: enough columns for one pass over dW and dR to be worth its reading and writing.
inline Index steps_back(Index batch) {
  return std::max<Index>(1, GradientSums<float>::kMaxDepth / std::max<Index>(1, batch));
}

/// Whether step t goes through its units last first. With few columns a step's time is that of reading R, and every
/// other step then begins with what the one before has left in cache; with more, prefetching finds the usual order
/// easier.
inline bool goes_backwards(Index t, Index batch) { return t % 2 != 0 && batch <= 4; }

/// What a member does of each step: by columns of the batch (nobody waits) where R fits every core's cache and there
/// are columns enough to fill tiles; else by units in whole grains (each core keeps its rows of R, and all meet after a
/// step).
struct Division {
  Team::Range units, columns;
  bool by_columns;

  Division(const Team& team, Index H, Index B, Index grain) {
    constexpr Index kCacheBytes = Index{1} << 20, kFewColumns = 12;
    by_columns = team.size > 1 && 16 * H * H <= kCacheBytes && B >= kFewColumns * team.size;
    units = by_columns ? Team::Range{0, H} : team.share(H, grain);
    columns = by_columns ? team.share(B) : Team::Range{0, B};
  }

  bool empty() const { return units.size() == 0 || columns.size() == 0; }
};

/// Zeros in these rows and columns of step t wherever it is padding.
inline void clear_padding(const Sequence<float>& x, Index t, Team::Range rows, Team::Range columns, float* data,
                          Index stride) {
  if (!x.ragged()) return;
  for (Index b = columns.first; b < columns.last; ++b)
    if (!x.active(b, t)) std::fill(data + rows.first + b * stride, data + rows.last + b * stride, 0.0f);
}

}  // namespace rondo::inline v0::detail

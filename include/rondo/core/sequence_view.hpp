// SPDX-License-Identifier: MIT
// SequenceView: a sequence that somebody else owns, or some of its rows: what passes read and write. The two directions
// of a bidirectional layer are two such views of one Sequence.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

/// Which steps of a batch are real: B sequences of at most T steps, each with its length unless all have T.
struct Extent {
  Index batch = 0, time = 0;
  std::span<const Index> lengths = {};  // B, or none: all have T

  bool ragged() const { return !lengths.empty(); }
  Index length(Index b) const { return ragged() ? lengths[static_cast<std::size_t>(b)] : time; }

  /// Whether step t of sequence b is a real one, not padding.
  bool active(Index b, Index t) const { return t < length(b); }

  /// The smallest n such that columns n..B-1 of step t are all padding: what a layer need not compute.
  Index active_columns(Index t) const {
    if (!ragged()) return batch;
    Index n = batch;
    while (n > 0 && lengths[static_cast<std::size_t>(n - 1)] <= t) --n;
    return n;
  }

  /// How many steps, over all sequences, are real.
  Index active_steps() const {
    Index steps = 0;
    for (Index b = 0; b < batch; ++b) steps += length(b);
    return steps;
  }
};

/// rows x B x T numbers in somebody else's memory, column b + B * t; columns lie `flat.stride` apart.
template <class T>
struct SequenceView {
  MatrixView<T> flat;  // rows x (B*T)
  Extent extent;

  Index features() const { return flat.rows; }
  Index batch() const { return extent.batch; }
  Index time() const { return extent.time; }

  /// Step t: rows x B.
  MatrixView<T> at(Index t) const { return flat.columns(t * extent.batch, extent.batch); }

  /// Rows [first, first + count) of every step, e.g. one direction of two.
  SequenceView row_block(Index first, Index count) const { return {flat.row_block(first, count), extent}; }

  template <class U>
  requires(!std::is_const_v<T> && std::is_same_v<U, const T>) operator SequenceView<U>() const {
    return {flat, extent};
  }
};

/// Calls f(first, count) for runs of columns, b + B * t, that hold every active step in [begin, end) and no padding:
/// one run for all steps in which the whole batch is active, then one for each row of neighbours at each step. Longest
/// first, that is one a step.
template <class F>
void for_each_active_run(const Extent& x, Index begin, Index end, F&& f) {
  const Index B = x.batch;
  Index full = end;  // steps before this one in which nobody is missing
  for (Index b = 0; b < B; ++b) full = std::min(full, x.length(b));
  full = std::max(full, begin);
  if (full > begin && B > 0) f(B * begin, B * (full - begin));
  for (Index t = full; t < end; ++t)
    for (Index columns = x.active_columns(t), b = 0; b < columns;) {
      const Index first = b;
      while (b < columns && x.active(b, t)) ++b;
      if (b > first) f(first + B * t, b - first);
      while (b < columns && !x.active(b, t)) ++b;
    }
}

/// The same over all steps.
template <class F>
void for_each_active_run(const Extent& x, F&& f) {
  for_each_active_run(x, 0, x.time, f);
}

}  // namespace rondo::inline RONDO_ABI

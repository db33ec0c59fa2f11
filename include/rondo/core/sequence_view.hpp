// SPDX-License-Identifier: MIT
// SequenceView: a non-owning view of a sequence or of a block of its rows. The two directions of a bidirectional layer
// are two views of one Sequence.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

/// The valid steps of a batch: B sequences of at most T steps.
struct Extent {
  Index batch = 0;                      ///< B
  Index time = 0;                       ///< T
  std::span<const Index> lengths = {};  ///< B lengths; empty: all sequences have T steps

  bool ragged() const { return !lengths.empty(); }  ///< whether lengths are set
  /// Number of steps of sequence b.
  Index length(Index b) const { return ragged() ? lengths[static_cast<std::size_t>(b)] : time; }

  /// Whether step t of sequence b is valid, not padding.
  bool active(Index b, Index t) const { return t < length(b); }

  /// Smallest n such that columns n..B-1 of step t are all padding.
  Index active_columns(Index t) const {
    if (!ragged()) return batch;
    Index n = batch;
    while (n > 0 && lengths[static_cast<std::size_t>(n - 1)] <= t) --n;
    return n;
  }

  /// Whether the sequences have the same lengths as those of `other`.
  bool same_lengths(const Extent& other) const {
    return std::equal(lengths.begin(), lengths.end(), other.lengths.begin(), other.lengths.end());
  }

  /// Number of valid steps over all sequences.
  Index active_steps() const {
    Index steps = 0;
    for (Index b = 0; b < batch; ++b) steps += length(b);
    return steps;
  }
};

/// A non-owning view, rows x B x T. Column b + B * t is step t of sequence b; columns have stride `flat.stride`.
template <class T>
struct SequenceView {
  MatrixView<T> flat;  ///< rows x (B*T)
  Extent extent;       ///< B, T and lengths

  Index features() const { return flat.rows; }  ///< number of rows
  Index batch() const { return extent.batch; }  ///< B
  Index time() const { return extent.time; }    ///< T

  /// Step t, a view rows x B.
  MatrixView<T> at(Index t) const { return flat.columns(t * extent.batch, extent.batch); }

  /// Rows [first, first + count) of every step, e.g. one direction of two.
  SequenceView row_block(Index first, Index count) const { return {flat.row_block(first, count), extent}; }

  /// Converts to a read-only view.
  template <class U>
  requires(!std::is_const_v<T> && std::is_same_v<U, const T>) operator SequenceView<U>() const {
    return {flat, extent};
  }
};

/// Calls f(first, count) for runs of adjacent columns b + B * t that together hold every valid step of [begin, end) and
/// no padding. All steps in which the whole batch is valid form one run; each later step has one run per group of
/// adjacent valid sequences, so one run if sequences are sorted by decreasing length.
template <class F>
void for_each_active_run(const Extent& x, Index begin, Index end, F&& f) {
  const Index B = x.batch;
  Index full = end;  // steps before this one in which all sequences are active
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

/// Calls f(first, count) for the runs of all T steps.
template <class F>
void for_each_active_run(const Extent& x, F&& f) {
  for_each_active_run(x, 0, x.time, f);
}

}  // namespace rondo::inline RONDO_ABI

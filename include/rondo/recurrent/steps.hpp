// SPDX-License-Identifier: MIT
// Order in which a pass visits time steps: 0, 1, ... T-1 forward; T-1, ... 0 in reverse, where each sequence of a
// ragged batch starts at its own last step. "Before" and "after" refer to this order.
#pragma once

#include <rondo/core/sequence_view.hpp>

namespace rondo::inline RONDO_ABI {

/// Direction in which a recurrent layer processes sequences.
enum class Direction {
  forward,  ///< from step 0 to the last
  reverse   ///< from the last step to step 0
};

/// The steps of a pass over a batch, in the order of its direction.
struct Steps {
  Direction direction;  ///< order of the steps
  Extent extent;        ///< B, T and lengths

  bool reverse() const { return direction == Direction::reverse; }  ///< whether the direction is reverse
  Index count() const { return extent.time; }                       ///< T

  /// The n-th visited step.
  Index at(Index n) const { return reverse() ? count() - 1 - n : n; }
  /// The n-th step of the backward pass.
  Index back(Index n) const { return reverse() ? n : count() - 1 - n; }

  Index before(Index t) const { return reverse() ? t + 1 : t - 1; }  ///< the step visited before t
  Index after(Index t) const { return reverse() ? t - 1 : t + 1; }   ///< the step visited after t

  bool is_first(Index t) const { return t == at(0); }   ///< whether t is visited first
  bool is_last(Index t) const { return t == back(0); }  ///< whether t is visited last

  /// Whether sequence b starts at step t, from its initial state.
  bool begins(Index b, Index t) const { return reverse() ? t + 1 == extent.length(b) : t == 0; }
  /// Whether sequence b ends at step t, with its final state.
  bool ends(Index b, Index t) const { return extent.active(b, t) && (reverse() ? t == 0 : t + 1 == extent.length(b)); }

  /// Last visited step of sequence b, which has at least one.
  Index end(Index b) const { return reverse() ? 0 : extent.length(b) - 1; }

  /// Whether (b, t) is the padding step before the first step of a reverse pass, which temporarily holds the initial
  /// state.
  bool holds_initial_state(Index b, Index t) const { return reverse() && t == extent.length(b) && t > 0; }
};

}  // namespace rondo::inline RONDO_ABI

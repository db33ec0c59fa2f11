// SPDX-License-Identifier: MIT
// In which order a pass goes through time. Forward it visits steps 0, 1, ... T-1; in reverse T-1, ... 0, and each
// sequence of a ragged batch from its own last step on. What comes "before" and "after" is meant in that order.
#pragma once

#include <rondo/core/sequence_view.hpp>

namespace rondo::inline RONDO_ABI {

/// Which way a recurrent layer goes through its sequences.
enum class Direction { forward, reverse };

struct Steps {
  Direction direction;
  Extent extent;

  bool reverse() const { return direction == Direction::reverse; }
  Index count() const { return extent.time; }

  /// The n-th step that is visited, and the n-th of the way back.
  Index at(Index n) const { return reverse() ? count() - 1 - n : n; }
  Index back(Index n) const { return reverse() ? n : count() - 1 - n; }

  Index before(Index t) const { return reverse() ? t + 1 : t - 1; }
  Index after(Index t) const { return reverse() ? t - 1 : t + 1; }

  /// Whether nothing was visited before t.
  bool is_first(Index t) const { return t == at(0); }
  bool is_last(Index t) const { return t == back(0); }

  /// Whether sequence b enters at step t, from its initial state; whether t is where it leaves its final one.
  bool begins(Index b, Index t) const { return reverse() ? t + 1 == extent.length(b) : t == 0; }
  bool ends(Index b, Index t) const { return extent.active(b, t) && (reverse() ? t == 0 : t + 1 == extent.length(b)); }

  /// The last step of sequence b, of one or more.
  Index end(Index b) const { return reverse() ? 0 : extent.length(b) - 1; }

  /// Whether column b of step t is the padding that a reverse pass enters from, so that the initial state may stand
  /// there while it runs.
  bool holds_initial_state(Index b, Index t) const { return reverse() && t == extent.length(b) && t > 0; }
};

}  // namespace rondo::inline RONDO_ABI

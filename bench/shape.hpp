// SPDX-License-Identifier: MIT
// What a benchmark computes: its shape, its name, the operations that it takes, and the shapes that are measured.
// Legend: T time steps, B batch, C input features, H hidden units, L layers, P outputs of a projection.
#pragma once

#include <rondo/core/view.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bench {

using rondo::Index;

struct Shape {
  Index T, B, C, H, L;
  int threads = 1;
  Index P = 0;  // 0: no projection

  friend bool operator==(const Shape&, const Shape&) = default;

  /// "lstm_step/T:1/B:1/C:64/H:64/L:1/threads:1"; with a projection P stands behind H. Scripts and results go by these names: they stay as they are.
  std::string name(std::string_view operation) const;

  Index tokens() const { return B * T; }

  /// Operations of one forward pass, in units of 10^9: a multiply-add counts as two, gates and cells as none, so that
  /// layer l takes 2 * 4H * (C_l + H) for each of the B * T tokens, of a cell with 4 gates in one direction. Forward and backward together are three times that:
  /// what the forward pass multiplies once, the backward pass multiplies twice, for dx, dh and for dW, dR.
  double forward_gflop(Index gates = 4, Index directions = 1) const;
};

/// Whole sequences, at the shapes where libraries are compared, on one thread and on two.
std::vector<Shape> compared_shapes();

/// These, and two lines on one thread, in T and in B: cost ought to grow linearly.
std::vector<Shape> sequence_shapes();

/// The compared shapes with a projection to half as many outputs as units.
std::vector<Shape> projection_shapes();

/// One time step: streaming.
std::vector<Shape> step_shapes();

/// The token model; C is the size of its embedding.
std::vector<Shape> training_shapes();

}  // namespace bench

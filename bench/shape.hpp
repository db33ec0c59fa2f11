// SPDX-License-Identifier: MIT
// Shape, name and operation count of a benchmark, and the shapes that are measured.
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

  /// "lstm_step/T:1/B:1/C:64/H:64/L:1/threads:1"; with a projection P follows H. Scripts and published results depend
  /// on these names: do not change them.
  std::string name(std::string_view operation) const;

  Index tokens() const { return B * T; }

  /// Operations of one forward pass, in units of 10^9. A multiply-add counts as two; gates and cells do not count.
  /// Layer l of a cell with 4 gates in one direction has 2 * 4H * (C_l + H) for each of the B * T tokens. Forward and
  /// backward together have three times as many: each product of the forward pass has two in the backward pass, for dx,
  /// dh and for dW, dR.
  double forward_gflop(Index gates = 4, Index directions = 1) const;
};

/// Whole sequences, at the shapes of the comparison with other libraries, on one thread and on two.
std::vector<Shape> compared_shapes();

/// The same, and two series on one thread, in T and in B: cost should grow linearly.
std::vector<Shape> sequence_shapes();

/// The shapes of the comparison, with a projection to half as many outputs as units.
std::vector<Shape> projection_shapes();

/// One time step, for streaming.
std::vector<Shape> step_shapes();

/// The token model; C is the size of its embedding.
std::vector<Shape> training_shapes();

}  // namespace bench

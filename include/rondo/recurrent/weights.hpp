// SPDX-License-Identifier: MIT
// The frame of a recurrent layer, whatever its cell: its sizes, its weights as views, and the options of a pass over
// it. What a cell is stands in math/cells/. Legend: C input features, H hidden units, P output features (H, unless
// there is a projection), G gates of a cell, B batch, T time steps.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/recurrent/steps.hpp>

#include <array>
#include <cstddef>

namespace rondo::inline RONDO_ABI {

/// The sizes of one layer in one direction.
struct RecurrentShape {
  Index input = 0;   // C
  Index hidden = 0;  // H
  Index output = 0;  // P
  Index gates = 0;   // G: blocks of H rows in W and R

  bool projects() const { return output != hidden; }
};

/// The tensors of a layer as views: weights, or their gradients. An empty view is a tensor that the layer has not.
template <class T>
struct RecurrentWeights {
  RecurrentShape shape;
  MatrixView<T> W = {};           // GH x C  input weights, a block of H rows for each gate in the order of the cell
  MatrixView<T> R = {};           // GH x P  recurrent weights
  MatrixView<T> b = {};           // GH x 1  bias
  MatrixView<T> b_R = {};         // GH x 1  bias of R h alone, of cells where it is not just added to b
  MatrixView<T> projection = {};  // P x H   from what the cells show to the outputs, h = projection * m

  MatrixView<T> peepholes = {};  // H x 3   from c to the gates that see it

  MatrixView<T> norm_x = {};  // GH x 1  gain of a layer norm of W x
  MatrixView<T> norm_h = {};  // GH x 1  gain of one of R h
  MatrixView<T> norm_c = {};  // H x 2   gain and shift of one of c, on its way to the output

  static constexpr std::size_t kTensors = 9;
  std::array<MatrixView<T>*, kTensors> tensors() { return list(*this); }
  std::array<const MatrixView<T>*, kTensors> tensors() const { return list(*this); }

 private:
  template <class Self>
  static auto list(Self& w) {
    return std::array{&w.W, &w.R, &w.b, &w.b_R, &w.projection, &w.peepholes, &w.norm_x, &w.norm_h, &w.norm_c};
  }
};

/// How a pass over one layer is to be computed.
struct PassOptions {
  Direction direction = Direction::forward;
  Precision precision = Precision::fp32;
  double zoneout_h = 0, zoneout_c = 0;  // probability that a unit keeps its state
  double recurrent_dropout = 0;         // probability of a mask on what R is multiplied by; drawn by the layer
};

}  // namespace rondo::inline RONDO_ABI

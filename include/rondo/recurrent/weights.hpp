// SPDX-License-Identifier: MIT
// Types of a recurrent layer that do not depend on the cell: its sizes, its weights as views, and the options of a
// pass. Cells are in math/cells/. Legend: C input features, H hidden units, P output features (H, unless there is a
// projection), G gates of a cell, B batch, T time steps.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/recurrent/steps.hpp>

#include <array>
#include <cstddef>

namespace rondo::inline RONDO_ABI {

/// Sizes of one layer in one direction.
struct RecurrentShape {
  Index input = 0;   ///< C
  Index hidden = 0;  ///< H
  Index output = 0;  ///< P
  Index gates = 0;   ///< G: blocks of H rows in W and R

  /// Whether the layer has a projection.
  bool projects() const { return output != hidden; }
};

/// The tensors of a layer as views: weights, or their gradients. An empty view is a tensor that the layer does not
/// have.
template <class T>
struct RecurrentWeights {
  RecurrentShape shape;           ///< sizes
  MatrixView<T> W = {};           ///< GH x C  input weights, H rows per gate in the order of the cell
  MatrixView<T> R = {};           ///< GH x P  recurrent weights
  MatrixView<T> b = {};           ///< GH x 1  bias
  MatrixView<T> b_R = {};         ///< GH x 1  recurrent bias, for cells that need it separate from b (GRU)
  MatrixView<T> projection = {};  ///< P x H   from cell outputs m to layer outputs, h = projection * m

  MatrixView<T> peepholes = {};  ///< H x 3   from c to the gates that read it

  MatrixView<T> norm_x = {};  ///< GH x 1  gain of a layer norm of W x
  MatrixView<T> norm_h = {};  ///< GH x 1  gain of a layer norm of R h
  MatrixView<T> norm_c = {};  ///< H x 2   gain and shift of a layer norm of c, before the output

  static constexpr std::size_t kTensors = 9;                                          ///< number of views
  std::array<MatrixView<T>*, kTensors> tensors() { return list(*this); }              ///< all views
  std::array<const MatrixView<T>*, kTensors> tensors() const { return list(*this); }  ///< all views, read-only

 private:
  template <class Self>
  static auto list(Self& w) {
    return std::array{&w.W, &w.R, &w.b, &w.b_R, &w.projection, &w.peepholes, &w.norm_x, &w.norm_h, &w.norm_c};
  }
};

/// Options of a pass over one layer.
struct PassOptions {
  Direction direction = Direction::forward;  ///< order of the steps
  Precision precision = Precision::fp32;     ///< of the matrix products
  double zoneout_h = 0;                      ///< probability that a unit keeps its h
  double zoneout_c = 0;                      ///< probability that a unit keeps its c
  double recurrent_dropout = 0;              ///< probability of the mask on h(t-1); the layer draws it
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Activations that one recurrent layer saves in one direction for the backward pass. The caller owns them, so
// that the layer stays const and several callers can use it at the same time. Outputs are stored separately, because
// the two directions share one sequence of outputs.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/recurrent/weights.hpp>

#include <array>

namespace rondo::inline RONDO_ABI {

/// Workspace of a backend: packed weights, intermediate gradients. Each backend defines its own, with a function
/// saves_16_bits(precision): whether its passes save gates, c and tanh(c) there, in 16 bits, and not in RecurrentCache.
template <class Scalar, class Device>
struct RecurrentWorkspace;

/// Activations of one layer in one direction. H hidden units, P outputs, G gates, N blocks of H values that the cell
/// saves per step, B batch, T time steps.
template <class Scalar, class Device = Cpu>
struct RecurrentCache {
  Sequence<Scalar, Device> h0;      ///< P x B x 1   initial state
  Sequence<Scalar, Device> c0;      ///< H x B x 1   initial state c, for cells with c
  Sequence<Scalar, Device> gates;   ///< NH x B x T  gates after their nonlinearities
  Sequence<Scalar, Device> c;       ///< H x B x T   c after each step, for cells with c
  Sequence<Scalar, Device> tanh_c;  ///< H x B x T   tanh(c)
  Sequence<Scalar, Device> m;       ///< H x B x T   cell output before the projection, if there is one

  bool R_dropped = false;           ///< whether weight dropout was active in the last pass
  Sequence<Scalar, Device> R_mask;  ///< GH x P x 1  weight dropout: mask of R
  Sequence<Scalar, Device> R;       ///< GH x P x 1  weight dropout: masked R
  Sequence<Scalar, Device> dR;      ///< GH x P x 1  weight dropout: gradient of the masked R

  Sequence<Scalar, Device> h_mask;   ///< P x B x 1  recurrent dropout: mask on h(t-1), the same at every step
  Sequence<Scalar, Device> scratch;  ///< scratch memory for drawing masks

  Sequence<Scalar, Device> zoneout_mask_h;  ///< P x B x T  zoneout: 0 where a unit keeps its state, else 1 / (1 - p)
  Sequence<Scalar, Device> zoneout_mask_c;  ///< H x B x T  the same for c
  Sequence<Scalar, Device> c_new;           ///< H x B x T  zoneout: c before zoneout

  Sequence<Scalar, Device> x_hat;  ///< GH x B x T  layer norm: normalised W x
  Sequence<Scalar, Device> h_hat;  ///< GH x B x T  layer norm: normalised R h
  Sequence<Scalar, Device> c_hat;  ///< H x B x T   layer norm: normalised c
  Sequence<Scalar, Device> rstd;   ///< 3 x B x T   layer norm: reciprocal standard deviations of W x, R h and c

  RecurrentWorkspace<Scalar, Device> workspace;  ///< workspace of the backend

  /// Rows of gates, and of c and tanh_c, after a pass of `Cell`.
  template <class Cell>
  static std::array<Index, 2> saved_rows(const RecurrentShape& shape, Precision precision) {
    if (RecurrentWorkspace<Scalar, Device>::saves_16_bits(precision)) return {0, 0};
    return {Cell::kBlocks * shape.hidden, Cell::kHasC ? shape.hidden : 0};
  }

  /// Resizes the buffers for a pass of `Cell` over steps of this extent. Contents are unspecified.
  template <class Cell>
  void resize(const RecurrentShape& shape, const Extent& x, Precision precision) {
    const Index H = shape.hidden;
    const auto [gate_rows, cell_rows] = saved_rows<Cell>(shape, precision);
    h0.resize(shape.output, x.batch, 1);
    c0.resize(Cell::kHasC ? H : 0, x.batch, 1);
    gates.resize(gate_rows, x.batch, x.time);
    for (auto* s : {&c, &tanh_c}) s->resize(cell_rows, x.batch, x.time);
    m.resize(shape.projects() ? H : 0, x.batch, x.time);
    for (auto* s : {&gates, &c, &tanh_c, &m}) s->set_lengths(x.lengths);
  }
};

/// Workspace of one step. Reused between calls, it stops allocating.
template <class Scalar, class Device = Cpu>
struct StepScratch {
  RecurrentCache<Scalar, Device> cache;  ///< activations of one step
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// What one recurrent layer remembers of a forward pass in one direction, so that backward can run. The caller holds it:
// the layer itself stays constant, and may serve many callers at once. The outputs stand beside it, since two
// directions share one sequence of them.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/recurrent/weights.hpp>

namespace rondo::inline RONDO_ABI {

/// What a backend's passes work in: packed weights, gradients on their way. Each backend says what that is.
template <class Scalar, class Device>
struct RecurrentWorkspace;

/// Legend: H hidden units, P outputs, N blocks of H numbers that the cell keeps for its gates, B batch, T time steps.
template <class Scalar, class Device = Cpu>
struct RecurrentCache {
  Sequence<Scalar, Device> h0;      // P x B x 1   state before the first step
  Sequence<Scalar, Device> c0;      // H x B x 1   of cells that have c
  Sequence<Scalar, Device> gates;   // NH x B x T  after their nonlinearities
  Sequence<Scalar, Device> c;       // H x B x T   cell after each step, of cells that have one
  Sequence<Scalar, Device> tanh_c;  // H x B x T
  Sequence<Scalar, Device> m;       // H x B x T   what the cells show, where a projection makes h of it

  // Of weight dropout, where the last pass had it: R's mask and R under it; backward: the gradient of that.
  bool R_dropped = false;
  Sequence<Scalar, Device> R_mask, R, dR;  // GH x P x 1

  // Of recurrent dropout, where the last pass had it: the mask on h(t-1), the same at every step.
  Sequence<Scalar, Device> h_mask;   // P x B x 1
  Sequence<Scalar, Device> scratch;  // in which masks are drawn

  // Of zoneout: the masks of the last pass in training, 0 where a unit keeps its state, else 1 / (1 - p); c as the cell
  // computed it.
  Sequence<Scalar, Device> zoneout_mask_h, zoneout_mask_c, c_new;  // P x B x T, H x B x T, H x B x T

  // Of a layer norm: what was normalised, and the inverse of what it was divided by.
  Sequence<Scalar, Device> x_hat, h_hat, c_hat;  // GH x B x T, GH x B x T, H x B x T
  Sequence<Scalar, Device> rstd;                 // 3 x B x T: of W x, of R h, of c

  RecurrentWorkspace<Scalar, Device> workspace;

  /// Makes room for a pass of `Cell` over steps of this extent. Contents are unspecified.
  template <class Cell>
  void resize(const RecurrentShape& shape, const Extent& x) {
    const Index H = shape.hidden, cell = Cell::kHasC ? H : 0;
    h0.resize(shape.output, x.batch, 1);
    c0.resize(cell, x.batch, 1);
    gates.resize(Cell::kBlocks * H, x.batch, x.time);
    for (auto* s : {&c, &tanh_c}) s->resize(cell, x.batch, x.time);
    m.resize(shape.projects() ? H : 0, x.batch, x.time);
    for (auto* s : {&gates, &c, &tanh_c, &m}) s->set_lengths(x.lengths);
  }
};

/// What one step of one layer works in.
template <class Scalar, class Device = Cpu>
struct StepScratch {
  RecurrentCache<Scalar, Device> cache;
};

}  // namespace rondo::inline RONDO_ABI

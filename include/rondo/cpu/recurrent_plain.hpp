// SPDX-License-Identifier: MIT
// The plain pass: one recurrent layer over a sequence on the CPU, in one direction, forward and backward. It is written
// to be read. The equations of each cell are in math/cells/; this file has the matrix products and the loop over time.
//
//   forward     Z = W X + b for all steps in one product, then for each step Z(t) += R h(t-1) and the cell
//   backward    for each step, last first, the cell backward and dh(t-1) = R^T dz(t);
//               then dW = dZ X^T, dR = dZ Hbefore^T, db = sum of the columns of dZ, dX = W^T dZ, for all steps at once
//
// t-1 is the step visited before t: in a reverse pass, t+1. See docs/01-lstm.md and docs/02-backprop-through-time.md.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/plain_cell.hpp>
#include <rondo/cpu/plain_products.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/equations.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/input.hpp>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Sets each column of Z (NH x n) to the sum of the biases.
template <class Cell, class Scalar>
void set_to_bias(Cpu cpu, const RecurrentWeights<const Scalar>& w, MatrixView<Scalar> Z) {
  fill(cpu, Z, Scalar(0));
  const Index H = w.shape.hidden;
  if (w.b.data)
    for_each_input_run<Cell>(w.b, Z, H, [&](auto b, auto rows) { matrix(rows).colwise() += matrix(b).col(0); });
  if (w.b_R.data) matrix(Z.row_block(0, Cell::kGates * H)).colwise() += matrix(w.b_R).col(0);
}

}  // namespace detail

/// See recurrent_forward in cpu/recurrent.hpp.
template <class Cell, class Scalar>
void recurrent_forward_plain(Cpu cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                             SequenceView<const Scalar> x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache) {
  using detail::column_of;
  const Steps steps{options.direction, x.extent};
  const Index H = w.shape.hidden, GH = Cell::kGates * H, B = x.batch();
  if (w.norm_x.data) detail::resize_norms<Cell>(w, x.extent, cache);
  if (Cell::kHasC && options.zoneout_c > 0) cache.c_new.resize(H, B, x.time());
  auto& h_before = cache.workspace.plain.h_before;  // also used by backward
  h_before.resize(y.features(), B, x.time());

  // (0) Z = W X + b, all steps in one product
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const auto Z = cache.gates.flat().columns(first, count);
    detail::set_to_bias<Cell>(cpu, w, Z);
    detail::add_input<Cell>(cpu, w, x.flat.columns(first, count), Z, cache, first);
  });

  auto& R = cache.workspace.plain.R;
  pack(cpu, Op::none, w.R, R);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.at(n), columns = x.extent.active_columns(t);
    const auto h_before_of = [&](Index b) {
      return column_of(steps.begins(b, t) ? MatrixView<Scalar>(cache.h0.at(0)) : y.at(steps.before(t)), b);
    };
    for (Index b = 0; b < columns; ++b) {
      auto to = column_of(h_before.at(t), b);
      to.setZero();
      if (x.extent.active(b, t)) to = h_before_of(b);
      if (cache.h_mask.size() > 0) to *= column_of(cache.h_mask.at(0), b);  // (40) recurrent dropout
    }
    const auto z = cache.gates.at(t).columns(0, columns);
    detail::add_recurrent<Scalar>(cpu, w, R, h_before.at(t).columns(0, columns), z.row_block(0, GH), cache, t);

    const auto cell_output = w.projection.data ? cache.m.at(t) : y.at(t);
    for (Index b = 0; b < B; ++b) {
      auto h = column_of(cell_output, b);
      if (x.extent.active(b, t))  // (1)-(6), and (7) y(t) = h(t)
        detail::cell_forward<Cell>(w, options, z, detail::state_before<Cell, Scalar>(cache, y, steps, b, t), cache, h,
                                   b, t);
      else
        h.setZero();
    }
    if (w.projection.data) {  // (7a) h(t) = projection * m(t); m is zero in padding
      fill(cpu, y.at(t), Scalar(0));
      gemm(cpu, Op::none, Op::none, w.projection, cell_output, y.at(t));
    }
    for (Index b = 0; options.zoneout_h > 0 && b < columns; ++b)
      if (x.extent.active(b, t))
        detail::zoneout_forward(column_of(y.at(t), b), h_before_of(b), options.zoneout_h, cache.zoneout_mask_h, b, t);
  }
}

/// See recurrent_backward in cpu/recurrent.hpp.
template <class Cell, class Scalar>
void recurrent_backward_plain(Cpu cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& w,
                              SequenceView<const Scalar> x, SequenceView<const Scalar> y, SequenceView<const Scalar> dy,
                              RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad,
                              MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                              const RecurrentInputGradient<Scalar>& to) {
  using detail::column_of;
  const Steps steps{options.direction, x.extent};
  const Index B = x.batch(), H = w.shape.hidden, P = w.shape.output, GH = Cell::kGates * H;
  const RecurrentCache<Scalar>& saved = cache;  // activations of the forward pass
  auto& work = cache.workspace.plain;
  work.dz.resize(Cell::kBlocks * H, B, x.time());
  for (auto* s : {&work.d_normed_x, &work.d_normed_h}) s->resize(w.norm_x.data ? GH : 0, B, x.time());
  work.dh_total.resize(P, B, x.time());
  for (auto* s : {&work.dh, &work.dh_bypass}) s->resize(P, B, 1);
  for (auto* s : {&work.dc, &work.dm, &work.dc_bypass, &work.d_normed_c}) s->resize(H, B, 1);
  const auto dh = work.dh.at(0), dc = work.dc.at(0), dm = work.dm.at(0), dh_bypass = work.dh_bypass.at(0);
  fill(cpu, dh, Scalar(0));
  fill(cpu, dc, Scalar(0));

  pack(cpu, Op::transpose, w.R, work.R_transposed);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.back(n), columns = x.extent.active_columns(t);
    const auto active = [&](Index b) { return x.extent.active(b, t); };
    const auto dz = work.dz.at(t).columns(0, columns), dh_total = work.dh_total.at(t).columns(0, columns);
    for (Index b = 0; b < columns; ++b) {
      auto total = column_of(dh_total, b);
      total.setZero();
      if (!active(b)) continue;
      if (steps.ends(b, t)) {  // the backward pass of this sequence starts here
        column_of(dh, b) = column_of(dh_end, b);
        if constexpr (Cell::kHasC) column_of(dc, b) = column_of(dc_end, b);
      }
      total = column_of(dy.at(t), b) + column_of(dh, b);  // (8) forward: y = h; dh is the gradient from step t+1
      if (options.zoneout_h > 0) {
        if constexpr (!Cell::kHasC) {  // the cell state is h, after zoneout
          total += column_of(dc, b);
          column_of(dc, b).setZero();
        }
        detail::zoneout_backward(total, column_of(dh_bypass, b), options.zoneout_h, saved.zoneout_mask_h, b, t);
      }
    }
    if (w.projection.data) {  // (8a) forward: h = projection * m
      fill(cpu, dm, Scalar(0));
      gemm(cpu, Op::transpose, Op::none, w.projection, dh_total, dm.columns(0, columns));
    }
    const MatrixView<const Scalar> d_cell_output = w.projection.data ? dm.columns(0, columns) : dh_total;
    for (Index b = 0; b < columns; ++b) {
      auto dc_b = column_of(dc, b);
      if (active(b))  // (9)-(14)
        detail::cell_backward<Cell>(w, options, detail::state_before<Cell, Scalar>(saved, y, steps, b, t), cache, grad,
                                    column_of(d_cell_output, b), dc_b, dz, b, t);
      else
        column_of(dz, b).setZero();
    }
    // (15) dh(t-1) = R^T dz(t)
    const auto d_Rh = detail::recurrent_gradient<Scalar>(cpu, w, dz.row_block(0, GH), cache, grad, t);
    fill(cpu, dh.columns(0, columns), Scalar(0));
    gemm(cpu, work.R_transposed, d_Rh, dh.columns(0, columns));
    if (saved.h_mask.size() > 0) array(dh) *= array(saved.h_mask.at(0));  // forward: R (mask * h(t-1))
    for (Index b = 0; b < columns; ++b) {
      if (!active(b)) continue;
      if (options.zoneout_h > 0) column_of(dh, b) += column_of(dh_bypass, b);
      if (!steps.begins(b, t)) continue;  // otherwise dh and dc are the gradients of the initial state
      column_of(dh_end, b) = column_of(dh, b);
      if constexpr (Cell::kHasC)
        column_of(dc_end, b) = column_of(dc, b);
      else
        column_of(dh_end, b) += column_of(dc, b);  // the cell state is h
    }
  }

  if (to.to_features() && !to.add) fill(cpu, to.dx, Scalar(0));
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const MatrixView<const Scalar> dZ = work.dz.flat().columns(first, count), dZ_R = dZ.row_block(0, GH);
    const auto dX = to.to_features() ? to.dx.columns(first, count) : MatrixView<Scalar>{};
    detail::input_backward<Cell, Scalar>(cpu, w, x.flat.columns(first, count), dZ, cache, grad, dX,
                                         first);  // (16), (19)
    const MatrixView<const Scalar> d_RH = w.norm_h.data ? work.d_normed_h.flat().columns(first, count) : dZ_R;
    gemm(cpu, Op::none, Op::transpose, d_RH, work.h_before.flat().columns(first, count),
         grad.R);     // (17) dR = dZ Hbefore^T
    if (grad.b.data)  // (18) db = sum of dz
      detail::for_each_input_run<Cell>(grad.b, dZ, H, [&](auto db, auto rows) { add_columns(cpu, rows, db); });
    if (grad.b_R.data) add_columns(cpu, dZ_R, grad.b_R);
    if (grad.projection.data)  // (18a) dprojection = dH M^T
      gemm(cpu, Op::none, Op::transpose, work.dh_total.flat().columns(first, count),
           saved.m.flat().columns(first, count), grad.projection);
  });
}

}  // namespace rondo::inline RONDO_ABI

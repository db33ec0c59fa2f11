// SPDX-License-Identifier: MIT
// One recurrent layer over a sequence on the CPU, in one direction, forward and backward: the plain pass, meant to be
// read. The equations of each cell are in math/cells/; here stands what is linear and the loop over time.
//
//   forward     Z = W X + b for all steps in one product, then for each step Z(t) += R h(t-1) and the cell
//   backward    for each step, last first, the cell backward and dh(t-1) = R^T dz(t);
//               then dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns, dX = W^T dZ, each in one product
//
// t-1 is the step visited before t: in a reverse pass, t+1. See docs/01-lstm.md and docs/02-backprop-through-time.md.
#pragma once

#include <rondo/core/recurrent_cache.hpp>
#include <rondo/core/recurrent_input.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/equations.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace rondo::inline v0 {

namespace detail {

/// One column of a matrix.
template <class T>
auto column_of(MatrixView<T> a, Index j) {
  return column(a.data + j * a.stride, a.rows);
}

/// The N blocks of one column, each `H` contiguous values.
template <class T, std::size_t N>
struct Blocks {
  decltype(column(static_cast<T*>(nullptr), 0)) at[N];

  Blocks(T* z, Index H) : Blocks(z, H, std::make_index_sequence<N>{}) {}

 private:
  template <std::size_t... I>
  Blocks(T* z, Index H, std::index_sequence<I...>) : at{column(z + static_cast<Index>(I) * H, H)...} {}
};

/// f(rows of a (GH x n), rows of Z (NH x n)) for the gates of W and the blocks that they are added to.
template <class Cell, class T, class U, class F>
void for_each_input_run(MatrixView<T> a, MatrixView<U> Z, Index H, F&& f) {
  for (const GateRun& run : Cell::kInputRuns)
    f(a.row_block(run.gate * H, run.count * H), Z.row_block(run.block * H, run.count * H));
}

/// The N columns of a matrix, e.g. the peepholes.
template <class T, std::size_t N>
struct Columns {
  decltype(column(static_cast<T*>(nullptr), 0)) at[N > 0 ? N : 1];

  explicit Columns(MatrixView<T> a) : Columns(a, std::make_index_sequence<(N > 0 ? N : 1)>{}) {}

 private:
  template <std::size_t... I>
  Columns(MatrixView<T> a, std::index_sequence<I...>)
      : at{column(a.data ? a.data + static_cast<Index>(I) * a.stride : nullptr, a.rows)...} {}
};

/// The state (H x B) that the cell itself goes on from at step t of sequence b: c(t-1), or h(t-1) of a cell without c.
template <class Cell, class Scalar>
MatrixView<const Scalar> state_before(const RecurrentCache<Scalar>& cache, const Steps& steps, Index b, Index t) {
  if constexpr (!Cell::kHasC) return cache.workspace.plain.h_before.at(t);
  return steps.begins(b, t) ? cache.c0.at(0) : cache.c.at(steps.before(t));
}

/// Every column of Z (NH x n) = the biases that W x and R h are added to.
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
void recurrent_forward_plain(Cpu cpu, Cell, Direction direction, const RecurrentWeights<const Scalar>& w,
                             SequenceView<const Scalar> x, SequenceView<Scalar> y, RecurrentCache<Scalar>& cache) {
  using detail::column_of, equations::Equations;
  const Steps steps{direction, x.extent};
  const Index H = w.shape.hidden, GH = Cell::kGates * H, B = x.batch();
  auto &gates = cache.gates, &c = cache.c, &tanh_c = cache.tanh_c;
  auto& h_before = cache.workspace.plain.h_before;  // for backward, too
  h_before.resize(y.features(), B, x.time());

  // (0) Z = W X + b, all steps in one product
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const auto Z = gates.flat().columns(first, count);
    detail::set_to_bias<Cell>(cpu, w, Z);
    detail::for_each_input_run<Cell>(
        w.W, Z, H, [&](auto W, auto rows) { gemm(cpu, Op::none, Op::none, W, x.flat.columns(first, count), rows); });
  });

  auto& R = cache.workspace.plain.R;
  pack(cpu, Op::none, w.R, R);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.at(n), columns = x.extent.active_columns(t);
    for (Index b = 0; b < columns; ++b)
      column_of(h_before.at(t), b) = steps.begins(b, t) || !x.extent.active(b, t) ? column_of(cache.h0.at(0), b)
                                                                                  : column_of(y.at(steps.before(t)), b);
    const auto z = gates.at(t).columns(0, columns), shown = w.projection.data ? cache.m.at(t) : y.at(t);
    gemm(cpu, R, h_before.at(t).columns(0, columns), z.row_block(0, GH));  // and R h(t-1)
    for (Index b = 0; b < B; ++b) {
      auto h = column_of(shown, b);
      if (!x.extent.active(b, t)) {
        h.setZero();
        continue;
      }
      detail::Blocks<Scalar, Cell::kBlocks> blocks(&z(0, b), H);
      auto c_b = column_of(c.at(t), b), tanh_c_b = column_of(tanh_c.at(t), b);
      const auto before = column_of(detail::state_before<Cell>(cache, steps, b, t), b);
      if constexpr (Cell::kPacked) {
        Equations<Cell>::forward(blocks.at, before, c_b, tanh_c_b, h);  // (1)-(6), and (7) y(t) = h(t)
      } else {
        const detail::Columns<const Scalar, Cell::kPeepholeCount> p(w.peepholes);
        Equations<Cell>::update(blocks.at, before, c_b, p.at);
        Equations<Cell>::output(blocks.at, c_b, c_b, tanh_c_b, h, p.at);
      }
    }
    if (w.projection.data) {  // (7a) h(t) = projection * m(t), of zeros in padding
      fill(cpu, y.at(t), Scalar(0));
      gemm(cpu, Op::none, Op::none, w.projection, shown, y.at(t));
    }
  }
}

/// See recurrent_backward in cpu/recurrent.hpp.
template <class Cell, class Scalar>
void recurrent_backward_plain(Cpu cpu, Cell, Direction direction, const RecurrentWeights<const Scalar>& w,
                              SequenceView<const Scalar> x, SequenceView<const Scalar> dy,
                              RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad,
                              MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end,
                              const RecurrentInputGradient<Scalar>& to) {
  using detail::column_of, equations::Equations;
  const Steps steps{direction, x.extent};
  const Index B = x.batch(), H = w.shape.hidden, GH = Cell::kGates * H;
  const RecurrentCache<Scalar>& saved = cache;  // what forward left
  auto& work = cache.workspace.plain;
  work.dz.resize(Cell::kBlocks * H, B, x.time());
  work.dh.resize(w.shape.output, B, 1);
  work.dh_total.resize(w.shape.output, B, x.time());
  for (auto* s : {&work.dc, &work.dm}) s->resize(H, B, 1);
  const auto dh = work.dh.at(0), dc = work.dc.at(0), dm = work.dm.at(0);
  fill(cpu, dh, Scalar(0));
  fill(cpu, dc, Scalar(0));

  pack(cpu, Op::transpose, w.R, work.R_transposed);
  for (Index n = 0; n < steps.count(); ++n) {
    const Index t = steps.back(n), columns = x.extent.active_columns(t);
    const auto dz = work.dz.at(t).columns(0, columns), dh_total = work.dh_total.at(t).columns(0, columns);
    for (Index b = 0; b < columns; ++b) {
      if (!x.extent.active(b, t)) {
        column_of(dh_total, b).setZero();
        continue;
      }
      if (steps.ends(b, t)) {  // the way back enters this sequence here
        column_of(dh, b) = column_of(dh_end, b);
        if constexpr (Cell::kHasC) column_of(dc, b) = column_of(dc_end, b);
      }
      column_of(dh_total, b) = column_of(dy.at(t), b) + column_of(dh, b);  // (8) forward: y = h, and step t+1
    }
    if (w.projection.data) {  // (8a) forward: h = projection * m
      fill(cpu, dm, Scalar(0));
      gemm(cpu, Op::transpose, Op::none, w.projection, dh_total, dm.columns(0, columns));
    }
    const MatrixView<const Scalar> d_shown = w.projection.data ? dm.columns(0, columns) : dh_total;
    for (Index b = 0; b < columns; ++b) {
      detail::Blocks<Scalar, Cell::kBlocks> dz_b(&dz(0, b), H);
      if (!x.extent.active(b, t)) {
        column_of(dz, b).setZero();
        continue;
      }
      auto dc_b = column_of(dc, b);
      const detail::Blocks<const Scalar, Cell::kBlocks> gates(&saved.gates(0, b, t), H);
      const auto before = column_of(detail::state_before<Cell>(saved, steps, b, t), b);
      const auto tanh_c = column_of(saved.tanh_c.at(t), b), dh_b = column_of(d_shown, b);
      if constexpr (Cell::kPacked) {
        Equations<Cell>::backward(gates.at, before, tanh_c, dh_b, dc_b, dz_b.at);
      } else {
        const detail::Columns<const Scalar, Cell::kPeepholeCount> p(w.peepholes);
        detail::Columns<Scalar, Cell::kPeepholeCount> dp(grad.peepholes);
        Equations<Cell>::output_backward(gates.at, column_of(saved.c.at(t), b), tanh_c, dh_b, dc_b, dc_b, dz_b.at, p.at,
                                         dp.at);
        Equations<Cell>::update_backward(gates.at, before, dc_b, dz_b.at, p.at, dp.at);
      }
    }
    // (15) dh(t-1) = R^T dz(t)
    fill(cpu, dh.columns(0, columns), Scalar(0));
    gemm(cpu, work.R_transposed, dz.row_block(0, GH), dh.columns(0, columns));
    for (Index b = 0; b < columns; ++b) {
      if (!steps.begins(b, t) || !x.extent.active(b, t)) continue;  // else dh and dc are those of the initial state
      column_of(dh_end, b) = column_of(dh, b);
      if constexpr (Cell::kHasC)
        column_of(dc_end, b) = column_of(dc, b);
      else
        column_of(dh_end, b) += column_of(dc, b);  // the cell's own state is h
    }
  }

  if (to.to_features() && !to.add) fill(cpu, to.dx, Scalar(0));
  for_each_active_run(x.extent, [&](Index first, Index count) {
    const MatrixView<const Scalar> dZ = work.dz.flat().columns(first, count), dZ_R = dZ.row_block(0, GH);
    const auto X = x.flat.columns(first, count);
    detail::for_each_input_run<Cell>(grad.W, dZ, H, [&](auto dW, auto rows) {  // (16) dW = dZ X^T
      gemm(cpu, Op::none, Op::transpose, rows, X, dW);
    });
    gemm(cpu, Op::none, Op::transpose, dZ_R, work.h_before.flat().columns(first, count),
         grad.R);     // (17) dR = dZ Hbefore^T
    if (grad.b.data)  // (18) db = sum of dz
      detail::for_each_input_run<Cell>(grad.b, dZ, H, [&](auto db, auto rows) { add_columns(cpu, rows, db); });
    if (grad.b_R.data) add_columns(cpu, dZ_R, grad.b_R);
    if (grad.projection.data)  // (18a) dprojection = dH M^T
      gemm(cpu, Op::none, Op::transpose, work.dh_total.flat().columns(first, count),
           saved.m.flat().columns(first, count), grad.projection);
    if (to.to_features())  // (19) dX = W^T dZ
      detail::for_each_input_run<Cell>(w.W, dZ, H, [&](auto W, auto rows) {
        gemm(cpu, Op::transpose, Op::none, W, rows, to.dx.columns(first, count));
      });
  });
}

}  // namespace rondo::inline v0

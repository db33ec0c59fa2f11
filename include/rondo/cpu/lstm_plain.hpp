// SPDX-License-Identifier: MIT
// One LSTM layer over a sequence on the CPU, forward and backward: the plain pass, meant to be read. The equations of
// the cell are in math/lstm_equations.hpp; here stands what is linear and the walk through time.
//
//   forward     Z = W X + b for all steps in one product, then for each step Z(t) += R h(t-1) and the cell
//   backward    for each step, last first, the cell backward and dh(t-1) = R^T dz(t);
//               then dW = dZ X^T, dR = dZ Hbefore^T, db = the sum of dZ's columns, dX = W^T dZ, each in one product
//
// See docs/01-lstm.md and docs/02-backprop-through-time.md.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/lstm_workspace.hpp>
#include <rondo/math/lstm_equations.hpp>

#include <algorithm>

namespace rondo::inline v0 {

namespace detail {

/// The four gates of one column, each `H` contiguous values.
template <class T>
struct GateColumns {
  GateColumns(T* z, Index H) : i(column(z, H)), f(column(z + H, H)), g(column(z + 2 * H, H)), o(column(z + 3 * H, H)) {}
  decltype(column(static_cast<T*>(nullptr), 0)) i, f, g, o;
};

/// One column of a matrix.
template <class T>
auto column_of(MatrixView<T> a, Index j) {
  return column(a.data + j * a.stride, a.rows);
}

}  // namespace detail

/// z (4H x B: W x + b + R h_before) becomes the gates; c, tanh_c, h (H x B) are written. c_before may be c.
template <class Scalar>
void lstm_cells(Cpu, MatrixView<Scalar> z, ConstView<Scalar> c_before, MatrixView<Scalar> c, MatrixView<Scalar> tanh_c,
                MatrixView<Scalar> h, Index columns) {
  for (Index b = 0; b < columns; ++b) {
    detail::GateColumns<Scalar> gate(&z(0, b), c.rows);
    const auto before = detail::column_of(c_before, b);
    auto c_b = detail::column_of(c, b), tanh_c_b = detail::column_of(tanh_c, b), h_b = detail::column_of(h, b);
    lstm_cell(gate.i, gate.f, gate.g, gate.o, before, c_b, tanh_c_b, h_b);
  }
}

/// See lstm_forward in cpu/lstm.hpp.
template <class Scalar>
void lstm_forward_plain(Cpu cpu, const LstmWeights<const Scalar>& w, const Sequence<Scalar>& x,
                        LstmLayerCache<Scalar>& cache) {
  auto &gates = cache.gates, &c = cache.c, &tanh_c = cache.tanh_c, &y = cache.y;

  // (0) Z = W X + b, all steps in one product
  for_each_active_run(x, [&](Index first, Index count) {
    const auto Z = gates.flat().columns(first, count);
    set_columns(cpu, Z, w.b);
    gemm(cpu, Op::none, Op::none, w.W, x.flat().columns(first, count), Z);
  });

  auto& R = cache.workspace.plain.R;
  pack(cpu, Op::none, w.R, R);
  for (Index t = 0; t < x.time(); ++t) {
    const Index n = x.active_columns(t);
    const auto z = gates.at(t).columns(0, n);
    gemm(cpu, R, cache.h_before(t).columns(0, n), z);                          // and R h(t-1)
    lstm_cells(cpu, z, cache.c_before(t), c.at(t), tanh_c.at(t), y.at(t), n);  // (1)-(6), and (7) y(t) = h(t)
    for (Index b = 0; b < x.batch(); ++b)
      if (!x.active(b, t)) {
        detail::column_of(y.at(t), b).setZero();
        detail::column_of(c.at(t), b).setZero();
      }
  }
}

/// The state after each sequence's last step: h, c (H x B).
template <class Scalar>
void lstm_final_state(Cpu, const LstmLayerCache<Scalar>& cache, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  for (Index b = 0; b < cache.y.batch(); ++b) {
    const Index end = cache.y.length(b);
    const auto h_end = end > 0 ? cache.y.at(end - 1) : cache.h0.at(0);
    const auto c_end = end > 0 ? cache.c.at(end - 1) : cache.c0.at(0);
    detail::column_of(h, b) = detail::column_of(h_end, b);
    detail::column_of(c, b) = detail::column_of(c_end, b);
  }
}

/// See lstm_backward in cpu/lstm.hpp.
template <class Scalar>
void lstm_backward_plain(Cpu cpu, const LstmWeights<const Scalar>& w, const Sequence<Scalar>& x,
                         const Sequence<Scalar>& dy, LstmLayerCache<Scalar>& cache, const LstmWeights<Scalar>& grad,
                         MatrixView<Scalar> dh_end, MatrixView<Scalar> dc_end, Sequence<Scalar>* dx) {
  const Index B = x.batch(), H = w.R.cols;
  const LstmLayerCache<Scalar>& saved = cache;  // what forward left
  auto& work = cache.workspace.plain;
  work.dz.resize_like(x, 4 * H);
  for (auto* s : {&work.dh, &work.dc, &work.dh_total}) s->resize(H, B, 1);
  const auto dh = work.dh.at(0), dc = work.dc.at(0), dh_total = work.dh_total.at(0);  // H x B
  fill(cpu, dh, Scalar(0));
  fill(cpu, dc, Scalar(0));

  pack(cpu, Op::transpose, w.R, work.R_transposed);
  for (Index t = x.time() - 1; t >= 0; --t) {
    const Index n = x.active_columns(t);
    const auto dz = work.dz.at(t).columns(0, n);
    for (Index b = 0; b < n; ++b) {
      detail::GateColumns<Scalar> dz_b(&dz(0, b), H);
      if (!x.active(b, t)) {
        column(&dz(0, b), 4 * H).setZero();
        continue;
      }
      auto dh_b = detail::column_of(dh, b), dc_b = detail::column_of(dc, b);
      if (t + 1 == x.length(b)) {  // the walk enters this sequence at its last step
        dh_b = detail::column_of(dh_end, b);
        dc_b = detail::column_of(dc_end, b);
      }
      detail::column_of(dh_total, b) = detail::column_of(dy.at(t), b) + dh_b;  // (8) forward: y = h, and step t+1
      const detail::GateColumns<const Scalar> gate(&saved.gates(0, b, t), H);
      lstm_cell_backward(gate.i, gate.f, gate.g, gate.o, detail::column_of(saved.c_before(t), b),
                         detail::column_of(saved.tanh_c.at(t), b),
                         detail::column_of(MatrixView<const Scalar>(dh_total), b), dc_b, dz_b.i, dz_b.f, dz_b.g,
                         dz_b.o);
    }
    // (15) dh(t-1) = R^T dz(t)
    fill(cpu, dh.columns(0, n), Scalar(0));
    gemm(cpu, work.R_transposed, dz, dh.columns(0, n));
  }

  for (Index b = 0; b < B; ++b)
    if (x.length(b) > 0) {
      detail::column_of(dh_end, b) = detail::column_of(dh, b);
      detail::column_of(dc_end, b) = detail::column_of(dc, b);
    }

  if (dx) fill(cpu, dx->flat(), Scalar(0));
  for_each_active_run(x, [&](Index first, Index count) {
    const MatrixView<const Scalar> dZ = work.dz.flat().columns(first, count);
    gemm(cpu, Op::none, Op::transpose, dZ, x.flat().columns(first, count), grad.W);         // (16) dW = dZ X^T
    add_columns(cpu, dZ, grad.b);                                                           // (18) db = sum of dz
    if (dx) gemm(cpu, Op::transpose, Op::none, w.W, dZ, dx->flat().columns(first, count));  // (19) dX = W^T dZ

    // (17) dR = sum of dz(t) h(t-1)^T: h(t-1) lies B columns before dz(t), except that h0 stands apart
    const Index at_start = std::clamp<Index>(B - first, 0, count);  // columns of step 0
    if (at_start > 0)
      gemm(cpu, Op::none, Op::transpose, dZ.columns(0, at_start), saved.h0.at(0).columns(first, at_start), grad.R);
    if (count > at_start)
      gemm(cpu, Op::none, Op::transpose, dZ.columns(at_start, count - at_start),
           saved.y.flat().columns(first + at_start - B, count - at_start), grad.R);
  });
}

}  // namespace rondo::inline v0

// SPDX-License-Identifier: MIT
// The two matrix products of a layer, W x and R h, forward and backward. In layers with layer norm (Ba, Kiros, Hinton
// 2016, equations 20 to 22) each product is normalised separately over all gates and multiplied by a gain. Legend: C
// input features, P outputs, H hidden units, G gates, N blocks of the cell, n columns.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/math/equations.hpp>
#include <rondo/math/layer_norm.hpp>
#include <rondo/recurrent/cache.hpp>

namespace rondo::inline RONDO_ABI::detail {

/// One column of a matrix.
template <class T>
auto column_of(MatrixView<T> a, Index j) {
  return column(a.data + j * a.stride, a.rows);
}

/// Calls f(rows of a (GH x n), rows of Z (NH x n)) for each run of gates of W and the blocks that they are added to.
template <class Cell, class T, class U, class F>
void for_each_input_run(MatrixView<T> a, MatrixView<U> Z, Index H, F&& f) {
  for (const GateRun& run : Cell::kInputRuns)
    f(a.row_block(run.gate * H, run.count * H), Z.row_block(run.block * H, run.count * H));
}

/// The three layer norms, as row numbers of RecurrentCache::rstd.
enum class Norm { x, h, c };

/// The reciprocal standard deviations of one norm, 1 x (B*T).
template <class Sequence>
auto rstd_of(Sequence& rstd, Norm norm) {
  return rstd.flat().row_block(static_cast<Index>(norm), 1);
}

/// Resizes the buffers that layer norm saves for the backward pass.
template <class Cell, class Scalar>
void resize_norms(const RecurrentWeights<const Scalar>& w, const Extent& x, RecurrentCache<Scalar>& cache) {
  const Index H = w.shape.hidden, GH = Cell::kGates * H;
  for (auto* s : {&cache.x_hat, &cache.h_hat}) s->resize(GH, x.batch, x.time);
  cache.c_hat.resize(Cell::kHasC ? H : 0, x.batch, x.time);
  cache.rstd.resize(3, x.batch, x.time);
  cache.workspace.plain.normed_c.resize(H, x.batch, 1);
}

/// normalised (GH x n) = columns of a * b, normalised; rstd (1 x n) = their reciprocal standard deviations. Both are
/// saved for the backward pass.
template <class Scalar>
void normed_product(Cpu cpu, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> normalised,
                    MatrixView<Scalar> rstd) {
  fill(cpu, normalised, Scalar(0));
  gemm(cpu, Op::none, Op::none, a, b, normalised);
  for (Index j = 0; j < normalised.cols; ++j) {
    auto column = column_of(normalised, j);
    rstd(0, j) = layer_norm(column);
  }
}

/// (36) rows += gain * normalised, column by column.
template <class Scalar>
void add_scaled(ConstView<Scalar> gain, ConstView<Scalar> normalised, MatrixView<Scalar> rows) {
  for (Index j = 0; j < rows.cols; ++j) column_of(rows, j) += column_of(gain, 0) * column_of(normalised, j);
}

/// Backward of a layer norm. d (rows x n): on entry dL/d(gain * normalised), zero in padding; on return the gradient of
/// the values before the norm. Adds to d_gain.
template <class Scalar>
void normed_backward(ConstView<Scalar> gain, ConstView<Scalar> normalised, ConstView<Scalar> rstd, MatrixView<Scalar> d,
                     MatrixView<Scalar> d_gain) {
  for (Index j = 0; j < d.cols; ++j) {
    auto column = column_of(d, j);
    column_of(d_gain, 0) += column * column_of(normalised, j);  // forward: gain * normalised
    column *= column_of(gain, 0);
    layer_norm_backward(column, column_of(normalised, j), rstd(0, j));
  }
}

/// Z (NH x n) += W X. `first`: index in the sequence of column 0 of X (C x n).
template <class Cell, class Scalar>
void add_input(Cpu cpu, const RecurrentWeights<const Scalar>& w, ConstView<Scalar> X, MatrixView<Scalar> Z,
               RecurrentCache<Scalar>& cache, Index first) {
  const Index H = w.shape.hidden;
  if (!w.norm_x.data) {
    for_each_input_run<Cell>(w.W, Z, H, [&](auto W, auto rows) { gemm(cpu, Op::none, Op::none, W, X, rows); });
    return;
  }
  const auto x_hat = cache.x_hat.flat().columns(first, Z.cols);
  normed_product(cpu, w.W, X, x_hat, rstd_of(cache.rstd, Norm::x).columns(first, Z.cols));
  for_each_input_run<Cell>(x_hat, Z, H, [&](auto hat, auto rows) {
    add_scaled<Scalar>(w.norm_x.row_block(hat.data - x_hat.data, hat.rows), hat, rows);
  });
}

/// z (GH x n) += R h, for the first n columns of step t. h: P x n.
template <class Scalar>
void add_recurrent(Cpu cpu, const RecurrentWeights<const Scalar>& w, const PackedMatrix<Scalar, Cpu>& R,
                   ConstView<Scalar> h, MatrixView<Scalar> z, RecurrentCache<Scalar>& cache, Index t) {
  if (!w.norm_h.data) return gemm(cpu, R, h, z);
  const auto h_hat = cache.h_hat.at(t).columns(0, z.cols);
  normed_product(cpu, w.R, h, h_hat, rstd_of(cache.rstd, Norm::h).columns(t * cache.h_hat.batch(), z.cols));
  add_scaled<Scalar>(w.norm_h, h_hat, z);
}

/// The gradient of R h (GH x n) at step t from dz. They differ only with a layer norm.
template <class Scalar>
MatrixView<const Scalar> recurrent_gradient(Cpu cpu, const RecurrentWeights<const Scalar>& w,
                                            MatrixView<const Scalar> dz, RecurrentCache<Scalar>& cache,
                                            const RecurrentWeights<Scalar>& grad, Index t) {
  if (!w.norm_h.data) return dz;
  const auto d = cache.workspace.plain.d_normed_h.at(t).columns(0, dz.cols);
  copy(cpu, dz, d);
  normed_backward<Scalar>(w.norm_h, cache.h_hat.at(t).columns(0, dz.cols),
                          rstd_of(cache.rstd, Norm::h).columns(t * cache.h_hat.batch(), dz.cols), d, grad.norm_h);
  return d;
}

/// dW += d(W X) X^T and, unless dX is empty, dX += W^T d(W X), from dZ (NH x n). `first`: index in the sequence of
/// column 0 of X (C x n).
template <class Cell, class Scalar>
void input_backward(Cpu cpu, const RecurrentWeights<const Scalar>& w, ConstView<Scalar> X, MatrixView<const Scalar> dZ,
                    RecurrentCache<Scalar>& cache, const RecurrentWeights<Scalar>& grad, MatrixView<Scalar> dX,
                    Index first) {
  const Index H = w.shape.hidden;
  if (w.norm_x.data) {
    const auto d = cache.workspace.plain.d_normed_x.flat().columns(first, dZ.cols);
    for_each_input_run<Cell>(d, dZ, H, [&](auto gates, auto rows) { copy(cpu, rows, gates); });
    normed_backward<Scalar>(w.norm_x, cache.x_hat.flat().columns(first, dZ.cols),
                            rstd_of(cache.rstd, Norm::x).columns(first, dZ.cols), d, grad.norm_x);
    gemm(cpu, Op::none, Op::transpose, d, X, grad.W);
    if (dX.data) gemm(cpu, Op::transpose, Op::none, w.W, d, dX);
    return;
  }
  for_each_input_run<Cell>(grad.W, dZ, H, [&](auto dW, auto rows) {  // (16) dW = dZ X^T
    gemm(cpu, Op::none, Op::transpose, rows, X, dW);
  });
  if (dX.data)  // (19) dX = W^T dZ
    for_each_input_run<Cell>(w.W, dZ, H, [&](auto W, auto rows) { gemm(cpu, Op::transpose, Op::none, W, rows, dX); });
}

}  // namespace rondo::inline RONDO_ABI::detail

// SPDX-License-Identifier: MIT
// What a layer norm adds to the plain pass (Ba, Kiros, Hinton 2016, equations 20 to 22): W x and R h are normalised
// each by itself over all gates, with a gain; c on its way to the output, with gain and shift.
#pragma once

#include <rondo/core/recurrent_cache.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/math/layer_norm.hpp>

namespace rondo::inline v0::detail {

/// One column of a matrix.
template <class T>
auto column_of(MatrixView<T> a, Index j) {
  return column(a.data + j * a.stride, a.rows);
}

/// Which of the three norms: a row of RecurrentCache::inverses.
enum class Norm { x, h, c };

template <class Sequence>
auto inverses_of(Sequence& inverses, Norm norm) {
  return inverses.flat().row_block(static_cast<Index>(norm), 1);
}

/// normalised = the normalised columns of a * b (GH x n), which are kept with their `inverses` (1 x n).
template <class Scalar>
void normed_product(Cpu cpu, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> normalised,
                    MatrixView<Scalar> inverses) {
  fill(cpu, normalised, Scalar(0));
  gemm(cpu, Op::none, Op::none, a, b, normalised);
  for (Index j = 0; j < normalised.cols; ++j) {
    auto column = column_of(normalised, j);
    inverses(0, j) = layer_norm(column);
  }
}

/// rows += gain * normalised, column by column.
template <class Scalar>
void add_scaled(ConstView<Scalar> gain, ConstView<Scalar> normalised, MatrixView<Scalar> rows) {
  for (Index j = 0; j < rows.cols; ++j) column_of(rows, j) += column_of(gain, 0) * column_of(normalised, j);
}

/// d = dL/d(gain * normalised) (rows x n) becomes dL/d(what was normalised); adds to d_gain. `active(j)` says whether
/// column j is a real step.
template <class Scalar, class Active>
void normed_backward(ConstView<Scalar> gain, ConstView<Scalar> normalised, ConstView<Scalar> inverses,
                     MatrixView<Scalar> d, MatrixView<Scalar> d_gain, Active&& active) {
  for (Index j = 0; j < d.cols; ++j) {
    if (!active(j)) continue;
    auto column = column_of(d, j);
    column_of(d_gain, 0) += column * column_of(normalised, j);  // forward: gain * normalised
    column *= column_of(gain, 0);
    layer_norm_backward(column, column_of(normalised, j), inverses(0, j));
  }
}

}  // namespace rondo::inline v0::detail

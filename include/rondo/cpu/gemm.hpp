// SPDX-License-Identifier: MIT
// The matrix products of the CPU, by Eigen, tile by tile. Tiles of a fixed size serve two ends: Eigen packs a tile on
// the stack, so no product allocates; and the order of every sum depends on the shapes alone, so that results are the
// same bits whoever computes which tile.
#pragma once

#include <algorithm>

#include <rondo/core/buffer.hpp>
#include <rondo/core/device.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/eigen.hpp>

namespace rondo::inline v0 {

/// Whether a factor is taken as it lies or transposed.
enum class Op { none, transpose };

namespace detail {

/// 128 x 256 floats fill the 128 KiB that Eigen will put on the stack for one packed factor.
template <class Scalar>
struct GemmTile {
  static constexpr Index kRows = 128, kCols = 128, kDepth = 1024 / sizeof(Scalar);
};

template <class C, class A, class B>
void gemm_tiled(C c, const A& a, const B& b) {
  using Tile = GemmTile<typename C::Scalar>;
  const Index depth = a.cols();
  for (Index k = 0; k < depth; k += Tile::kDepth) {
    const Index kn = std::min(Tile::kDepth, depth - k);
    for (Index j = 0; j < c.cols(); j += Tile::kCols) {
      const Index jn = std::min(Tile::kCols, c.cols() - j);
      for (Index i = 0; i < c.rows(); i += Tile::kRows) {
        const Index in = std::min(Tile::kRows, c.rows() - i);
        if (jn == 1)  // a matrix-vector product streams the matrix instead of packing it
          c.col(j).segment(i, in).noalias() += a.block(i, k, in, kn) * b.col(j).segment(k, kn);
        else
          c.block(i, j, in, jn).noalias() += a.block(i, k, in, kn) * b.block(k, j, kn, jn);
      }
    }
  }
}

}  // namespace detail

/// c += op(a) * op(b). Shapes must agree; a caller's mistake is an assertion of Eigen's.
template <class Scalar>
void gemm(Cpu, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c) {
  if (op_a == Op::none && op_b == Op::none)
    detail::gemm_tiled(matrix(c), matrix(a), matrix(b));
  else if (op_a == Op::transpose && op_b == Op::none)
    detail::gemm_tiled(matrix(c), matrix(a).transpose(), matrix(b));
  else if (op_a == Op::none && op_b == Op::transpose)
    detail::gemm_tiled(matrix(c), matrix(a), matrix(b).transpose());
  else
    detail::gemm_tiled(matrix(c), matrix(a).transpose(), matrix(b).transpose());
}

/// Every column of a = bias (rows x 1).
template <class Scalar>
void set_columns(Cpu, MatrixView<Scalar> a, ConstView<Scalar> bias) {
  matrix(a).colwise() = matrix(bias).col(0);
}

/// sum (rows x 1) += the sum of the columns of a. Columns are added one after the other: the order never varies.
template <class Scalar>
void add_columns(Cpu, ConstView<Scalar> a, MatrixView<Scalar> sum) {
  auto total = column(sum.data, sum.rows);
  for (Index j = 0; j < a.cols; ++j) total += column(a.data + j * a.stride, a.rows);
}

template <class Scalar>
void copy(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  matrix(to) = matrix(from);
}

}  // namespace rondo::inline v0

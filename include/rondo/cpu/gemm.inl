// SPDX-License-Identifier: MIT
// Definitions of cpu/gemm.hpp.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/kernels.hpp>

#include <algorithm>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Tiles of this size let Eigen pack on its stack; and it takes no threads of its own to a product of which it knows
/// when compiling that it has no more than 32 rows: they would cut the depth, and so change the order of our sums.
inline constexpr Index kEigenRows = 32, kEigenTile = 128;

template <class Scalar, class A, class B>
void gemm_tiled(MatrixView<Scalar> c, const A& a, const B& b) {
  using FewRows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kEigenRows, Eigen::Dynamic>;
  for (Index k = 0; k < a.cols(); k += kEigenTile) {
    const Index kn = std::min(kEigenTile, a.cols() - k);
    for (Index j = 0; j < c.cols; j += kEigenTile) {
      const Index jn = std::min(kEigenTile, c.cols - j);
      for (Index i = 0; i < c.rows; i += kEigenRows) {
        const Index in = std::min(kEigenRows, c.rows - i);
        Eigen::Map<FewRows, 0, Eigen::OuterStride<>> tile(&c(i, j), in, jn, Eigen::OuterStride<>(c.stride));
        tile.noalias() += a.block(i, k, in, kn) * b.block(k, j, kn, jn);
      }
    }
  }
}

inline Operand<float> operand(Op op, MatrixView<const float> b) {
  return op == Op::none ? Operand<float>{b.data, 1, b.stride} : Operand<float>{b.data, b.stride, 1};
}

}  // namespace detail

template <class Scalar>
void gemm(Cpu, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* fast = detail::kernels()) {
      const bool plain = op_a == Op::none;
      fast->multiply(c.rows, plain ? a.cols : a.rows, a.data, plain ? 1 : a.stride, plain ? a.stride : 1,
                     detail::operand(op_b, b), c.data, c.stride, c.cols);
      return;
    }
  if (op_a == Op::none && op_b == Op::none) {
    detail::gemm_tiled(c, matrix(a), matrix(b));
  } else if (op_a == Op::transpose && op_b == Op::none) {
    detail::gemm_tiled(c, matrix(a).transpose(), matrix(b));
  } else if (op_a == Op::none) {
    detail::gemm_tiled(c, matrix(a), matrix(b).transpose());
  } else {
    detail::gemm_tiled(c, matrix(a).transpose(), matrix(b).transpose());
  }
}

template <class Scalar>
void pack(Cpu, Op op, MatrixView<const Scalar> a, PackedMatrix<Scalar, Cpu>& to) {
  const bool plain = op == Op::none;
  to.rows = plain ? a.rows : a.cols;
  to.depth = plain ? a.cols : a.rows;
  if constexpr (std::is_same_v<Scalar, float>)
    if ((to.kernels = detail::kernels()) != nullptr) {
      const Index panel = to.kernels->panel_rows;
      to.values.resize((to.rows + panel - 1) / panel * panel * to.depth);
      to.kernels->fp32.pack(to.depth, a.data, plain ? 1 : a.stride, plain ? a.stride : 1, to.values.data(), 0, to.rows);
      return;
    }
  to.values.resize(to.rows * to.depth);
  const MatrixView<Scalar> copied{to.values.data(), to.rows, to.depth, to.rows};
  if (plain)
    matrix(copied) = matrix(a);
  else
    matrix(copied) = matrix(a).transpose();
}

template <class Scalar>
void gemm(Cpu cpu, const PackedMatrix<Scalar, Cpu>& a, ConstView<Scalar> b, MatrixView<Scalar> c) {
  if constexpr (std::is_same_v<Scalar, float>)
    if (a.kernels != nullptr) {
      a.kernels->fp32.multiply_packed(a.rows, a.depth, a.values.data(), detail::operand(Op::none, b),
                                      {c.data, c.stride, 0}, {c.data, c.stride, 0}, c.cols);
      return;
    }
  gemm(cpu, Op::none, Op::none, MatrixView<const Scalar>{a.values.data(), a.rows, a.depth, a.rows}, b, c);
}

template <class Scalar>
void set_columns(Cpu, MatrixView<Scalar> a, ConstView<Scalar> bias) {
  matrix(a).colwise() = matrix(bias).col(0);
}

template <class Scalar>
void add_columns(Cpu, ConstView<Scalar> a, MatrixView<Scalar> sum) {
  auto total = column(sum.data, sum.rows);
  for (Index j = 0; j < a.cols; ++j) total += column(a.data + j * a.stride, a.rows);
}

template <class Scalar>
void add(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  matrix(to) += matrix(from);
}

template <class Scalar>
void copy(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  matrix(to) = matrix(from);
}

}  // namespace rondo::inline RONDO_ABI

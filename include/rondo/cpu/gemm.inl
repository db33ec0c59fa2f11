// SPDX-License-Identifier: MIT
// Definitions of cpu/gemm.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>

#include <algorithm>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// With tiles of this size Eigen packs its operands on the stack. The limit of 32 rows at compile time also keeps Eigen
/// from starting threads, which would divide the inner dimension and so change the order of the sums.
inline constexpr Index kEigenRows = 32, kEigenTile = 128;

/// The block of op(a) that starts at (i, j): a view of a or, if transposed, a copy in `copy`.
template <class Scalar>
MatrixView<const Scalar> block_of(Op op, MatrixView<const Scalar> a, Index i, Index j, Index rows, Index cols,
                                  Scalar* copy) {
  if (op == Op::none) return a.columns(j, cols).row_block(i, rows);
  for (Index n = 0; n < cols; ++n)
    for (Index m = 0; m < rows; ++m) copy[m + n * rows] = a(j + n, i + m);
  return {copy, rows, cols, rows};
}

/// c += op(a) * op(b) with Eigen. Transposed blocks are copied, so that Eigen's product is instantiated once per
/// scalar.
template <class Scalar>
void gemm_tiled(Op op_a, Op op_b, MatrixView<const Scalar> a, MatrixView<const Scalar> b, MatrixView<Scalar> c) {
  using FewRows = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kEigenRows, Eigen::Dynamic>;
  alignas(64) Scalar a_copy[kEigenRows * kEigenTile], b_copy[kEigenTile * kEigenTile];
  const Index depth = op_a == Op::none ? a.cols : a.rows;
  for (Index k = 0; k < depth; k += kEigenTile) {
    const Index kn = std::min(kEigenTile, depth - k);
    for (Index j = 0; j < c.cols; j += kEigenTile) {
      const Index jn = std::min(kEigenTile, c.cols - j);
      const MatrixView<const Scalar> b_block = block_of(op_b, b, k, j, kn, jn, b_copy);
      for (Index i = 0; i < c.rows; i += kEigenRows) {
        const Index in = std::min(kEigenRows, c.rows - i);
        Eigen::Map<FewRows, 0, Eigen::OuterStride<>> tile(&c(i, j), in, jn, Eigen::OuterStride<>(c.stride));
        tile.noalias() += matrix(block_of(op_a, a, i, k, in, kn, a_copy)) * matrix(b_block);
      }
    }
  }
}

inline Operand operand(Op op, MatrixView<const float> b) {
  return op == Op::none ? Operand{b.data, 1, b.stride} : Operand{b.data, b.stride, 1};
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
  detail::gemm_tiled<Scalar>(op_a, op_b, a, b, c);
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
  for (Index j = 0; j < to.depth; ++j)
    for (Index i = 0; i < to.rows; ++i) copied(i, j) = plain ? a(i, j) : a(j, i);
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
  for (Index j = 0; j < a.cols; ++j) std::copy_n(bias.data, a.rows, &a(0, j));
}

template <class Scalar>
void add_columns(Cpu, ConstView<Scalar> a, MatrixView<Scalar> sum) {
  auto total = column(sum.data, sum.rows);
  for (Index j = 0; j < a.cols; ++j) total += column(a.data + j * a.stride, a.rows);
}

template <class Scalar>
void add(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  for (Index j = 0; j < to.cols; ++j) column(to.data + j * to.stride, to.rows) += column(&from(0, j), from.rows);
}

template <class Scalar>
void copy(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to) {
  for (Index j = 0; j < to.cols; ++j) std::copy_n(from.data + j * from.stride, to.rows, to.data + j * to.stride);
}

}  // namespace rondo::inline RONDO_ABI

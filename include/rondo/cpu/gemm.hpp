// SPDX-License-Identifier: MIT
// Matrix products on the CPU. Products in float use Rondo's kernels (kernels.hpp) on machines with AVX2 or AVX-512.
// Products in double, used for gradient checks, and products on other machines use Eigen in tiles, so that no product
// allocates memory. The order of each sum depends only on the shapes, not on the number of threads.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/device.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

namespace detail {
struct Kernels;
}

template <class Scalar>
struct PackedMatrix<Scalar, Cpu> {
  Index rows = 0, depth = 0;
  Buffer<Scalar> values;
  const detail::Kernels* kernels = nullptr;  // kernels that define the packed layout; null: unpacked copy for Eigen
};

/// c += op(a) * op(b). The shapes must match; they are not checked.
template <class Scalar>
void gemm(Cpu, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// Packs op(a) as a left operand. Reuses the memory of `to` between calls.
template <class Scalar>
void pack(Cpu, Op op, MatrixView<const Scalar> a, PackedMatrix<Scalar, Cpu>& to);

/// c += a * b with a packed left operand a.
template <class Scalar>
void gemm(Cpu cpu, const PackedMatrix<Scalar, Cpu>& a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// Sets each column of a to bias (rows x 1).
template <class Scalar>
void set_columns(Cpu, MatrixView<Scalar> a, ConstView<Scalar> bias);

/// sum (rows x 1) += sum of the columns of a, added in order, so that results are deterministic.
template <class Scalar>
void add_columns(Cpu, ConstView<Scalar> a, MatrixView<Scalar> sum);

/// to += from.
template <class Scalar>
void add(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to);

/// to = from.
template <class Scalar>
void copy(Cpu, ConstView<Scalar> from, MatrixView<Scalar> to);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/gemm.inl>
#endif

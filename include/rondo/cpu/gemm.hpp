// SPDX-License-Identifier: MIT
// The matrix products of the CPU. In float they run on our own kernels (kernels.hpp) where the machine has AVX2 or
// AVX-512; in double, which serves gradient checks, and elsewhere on Eigen, tile by tile, so that no product allocates.
// The order of every sum depends on shapes alone, never on threads.
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
  const detail::Kernels* kernels = nullptr;  // of the level that packed it; null: a plain copy, for Eigen
};

/// c += op(a) * op(b). The shapes must agree.
template <class Scalar>
void gemm(Cpu, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// Packs op(a) as a left operand. `to` keeps its memory between calls.
template <class Scalar>
void pack(Cpu, Op op, MatrixView<const Scalar> a, PackedMatrix<Scalar, Cpu>& to);

/// c += a * b with a packed left operand.
template <class Scalar>
void gemm(Cpu cpu, const PackedMatrix<Scalar, Cpu>& a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// Every column of a = bias (rows x 1).
template <class Scalar>
void set_columns(Cpu, MatrixView<Scalar> a, ConstView<Scalar> bias);

/// sum (rows x 1) += the sum of the columns of a. Columns are added in order, so that results are bit-identical.
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

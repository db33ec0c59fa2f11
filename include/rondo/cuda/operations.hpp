// SPDX-License-Identifier: MIT
// The operations of the layers on a GPU, without the recurrent ones: the overloads of every operation of the CPU, for
// float and double. Views are of device memory unless the comment says "on the host". All are deterministic: the order
// of every sum depends on shapes alone.
#pragma once

#include <rondo/core/operations.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/regression_loss.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/buffer.hpp>

#include <cstdint>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

// ---- memory

/// to = from; `from` is on the host. On return `from` may change.
template <class Scalar>
void upload(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to);
/// to = from; `to` is on the host. Synchronous.
template <class Scalar>
void download(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to);
template <class Scalar>
void copy(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to);
/// Every element of a = value.
template <class Scalar>
void fill(Cuda, MatrixView<Scalar> a, std::type_identity_t<Scalar> value);
/// Column j of a = 0 where which[j % B] is not 0; B values on the host.
template <class Scalar>
void clear_columns(Cuda, std::span<const std::uint8_t> which, MatrixView<Scalar> a);
/// a += value where `which` is not 0; one value per element of a, on the host.
template <class Scalar>
void add_where(Cuda, std::span<const std::uint8_t> which, std::type_identity_t<Scalar> value, MatrixView<Scalar> a);

// ---- matrix products

/// c += op(a) * op(b). The shapes must agree. float is true fp32, never TF32.
template <class Scalar>
void gemm(Cuda, Op op_a, Op op_b, ConstView<Scalar> a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// A left operand for many products. cuBLAS packs internally, so this is only a copy.
template <class Scalar>
struct PackedMatrix<Scalar, Cuda> {
  Index rows = 0, depth = 0;
  Op op = Op::none;
  Buffer<Scalar, Cuda> values;
};
template <class Scalar>
void pack(Cuda, Op op, MatrixView<const Scalar> a, PackedMatrix<Scalar, Cuda>& to);
/// c += a * b with a packed left operand.
template <class Scalar>
void gemm(Cuda, const PackedMatrix<Scalar, Cuda>& a, ConstView<Scalar> b, MatrixView<Scalar> c);

/// Every column of a = bias (rows x 1).
template <class Scalar>
void set_columns(Cuda, MatrixView<Scalar> a, ConstView<Scalar> bias);
/// to += from.
template <class Scalar>
void add(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to);
/// sum (rows x 1) += the sum of the columns of a.
template <class Scalar>
void add_columns(Cuda, ConstView<Scalar> a, MatrixView<Scalar> sum);

// ---- embedding

/// Column j of y = the sum of E's columns tokens[K j .. K j + K). E: D x V, y: D x n; K n tokens on the host, where
/// kNoToken adds nothing.
template <class Scalar>
void embedding_forward(Cuda, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y);
/// Adds column j of dy to dE's columns of its tokens, in the order of the columns.
template <class Scalar>
void embedding_backward(Cuda, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE);

// ---- dropout, with the same random numbers as on the CPU

template <class Scalar>
void dropout_forward(Cuda, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y);
template <class Scalar>
void dropout_backward(Cuda, ConstView<Scalar> mask, MatrixView<Scalar> d);

// ---- losses: see layers/losses.hpp. Those that return the sum wait for it; the others write it to device memory.

template <class Scalar>
double softmax_cross_entropy_sum(Cuda, const Sequence<Scalar, Cuda>& logits, std::span<const std::int32_t> targets,
                                 Scalar scale, Sequence<Scalar, Cuda>* d_logits);
template <class Scalar>
double bernoulli_cross_entropy_sum(Cuda, const Sequence<Scalar, Cuda>& logits, const Sequence<Scalar, Cuda>& targets,
                                   Scalar scale, Sequence<Scalar, Cuda>* d_logits);
template <class Scalar>
void softmax_cross_entropy_sum_to(Cuda, const Sequence<Scalar, Cuda>& logits, std::span<const std::int32_t> targets,
                                  Scalar scale, Sequence<Scalar, Cuda>* d_logits, double* sum);
template <class Scalar>
void bernoulli_cross_entropy_sum_to(Cuda, const Sequence<Scalar, Cuda>& logits, const Sequence<Scalar, Cuda>& targets,
                                    Scalar scale, Sequence<Scalar, Cuda>* d_logits, double* sum);

/// See layers/regression_losses.hpp: SquaredError and HuberError.
template <class Scalar, template <class> class Error>
double regression_loss_sum(Cuda, const Error<Scalar>& error, ConstView<Scalar> y, ConstView<Scalar> targets,
                           const StepMask<Scalar>& mask, Scalar scale, MatrixView<Scalar> d);

// ---- pooling over time: see cpu/pooling.hpp. Lengths are on the host.

template <class Scalar>
void last_step_forward(Cuda, ConstView<Scalar> y, std::span<const Index> lengths, Index reverse_rows,
                       MatrixView<Scalar> out);
template <class Scalar>
void last_step_backward(Cuda, ConstView<Scalar> d_out, std::span<const Index> lengths, Index reverse_rows,
                        MatrixView<Scalar> dy);
template <class Scalar>
void mean_over_time_forward(Cuda, ConstView<Scalar> y, std::span<const Index> lengths, MatrixView<Scalar> out);
template <class Scalar>
void mean_over_time_backward(Cuda, ConstView<Scalar> d_out, std::span<const Index> lengths, MatrixView<Scalar> dy);

// ---- optimiser

template <class Scalar>
void adam_update(Cuda, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g, MatrixView<Scalar> m,
                 MatrixView<Scalar> v);
/// The sum of squares of a, in double. Synchronous.
template <class Scalar>
double squared_norm(Cuda, MatrixView<Scalar> a);
template <class Scalar>
void scale(Cuda, MatrixView<Scalar> a, std::type_identity_t<Scalar> factor);

/// See cpu/optim.hpp. Pointers to double are of device memory.
template <class Scalar>
void add_squared_norm(Cuda, MatrixView<Scalar> a, double* sum);
void norm_and_clip_factor(Cuda, double max_norm, double* values);
template <class Scalar>
void scale_by(Cuda, MatrixView<Scalar> a, const double* factor);
template <class Scalar>
void adam_update_if_finite(Cuda, const double* norm, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g,
                           MatrixView<Scalar> m, MatrixView<Scalar> v);

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Pooling over time on the CPU: one output column per sequence. y: P x (B*T), out: P x B. `lengths` has B entries for a
// ragged batch and is empty otherwise.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/view.hpp>

#include <span>

namespace rondo::inline RONDO_ABI {

/// out(:, b) = y(:, b, length(b) - 1), except for the last `reverse_rows` rows, which are those of y(:, b, 0). Zeros if
/// length(b) = 0.
template <class Scalar>
void last_step_forward(Cpu, ConstView<Scalar> y, std::span<const Index> lengths, Index reverse_rows,
                       MatrixView<Scalar> out);

/// dy = d_out at the steps that last_step_forward copied, zero at all other steps.
template <class Scalar>
void last_step_backward(Cpu, ConstView<Scalar> d_out, std::span<const Index> lengths, Index reverse_rows,
                        MatrixView<Scalar> dy);

/// out(:, b) = (sum of y(:, b, t) over t < length(b), in order of t) / length(b). Zeros if length(b) = 0.
template <class Scalar>
void mean_over_time_forward(Cpu, ConstView<Scalar> y, std::span<const Index> lengths, MatrixView<Scalar> out);

/// dy(:, b, t) = d_out(:, b) / length(b) for t < length(b), zeros in padding.
template <class Scalar>
void mean_over_time_backward(Cpu, ConstView<Scalar> d_out, std::span<const Index> lengths, MatrixView<Scalar> dy);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/pooling.inl>
#endif

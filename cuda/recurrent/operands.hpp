// SPDX-License-Identifier: MIT
// 16-bit operands of products, and other operations of the passes on whole matrices. Legend: H hidden units, P outputs,
// B batch, T time steps.
#pragma once

#include "arguments.hpp"

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// low (contiguous) = a, rounded to fp16, else to bf16.
void round_to_low(MatrixView<const float> a, bool fp16, std::uint16_t* low);

/// to = the float values of contiguous 16-bit floats.
void widen_low(const std::uint16_t* low, bool fp16, MatrixView<float> to);

/// to = from, zero in the padding. Steps have B columns each.
template <class Scalar>
void copy_active(MatrixView<const Scalar> from, const StepOrder& step_order, MatrixView<Scalar> to);

/// Sets the padding of a to zero. Steps have B columns each. Value: float, double, or the bits of 16-bit floats.
template <class Value>
void clear_padding(const StepOrder& step_order, MatrixView<Value> a);

/// final (rows x B) = `states` (rows x B x T) at the last step of each sequence in the order of the direction, or
/// `initial` for an empty one.
template <class Scalar>
void gather_final_state(const StepOrder& step_order, MatrixView<const Scalar> states, const Scalar* initial,
                        MatrixView<Scalar> final);

/// first (rows x B) = `steps` (rows x B x T) at the first step of each sequence in the order of the direction, or zero.
/// Value: float, double, or the bits of 16-bit floats.
template <class Value>
void gather_first_steps(const StepOrder& step_order, MatrixView<const Value> steps, MatrixView<Value> first);

/// products (H x (B*T)) = rows of dz times the cell that their peephole reads: c(t) or, if `before`, c(t-1). Zero in
/// the padding. `dz`, at the first of the rows, has a stride of dz_stride; it is bf16 and c fp16 if `low`, else both
/// are Scalars.
template <class Scalar>
void multiply_by_c(const StepOrder& step_order, bool before, bool low, const void* dz, Index dz_stride,
                   const Scalar* c0, const void* c, MatrixView<Scalar> products);

}  // namespace rondo::inline RONDO_ABI::cuda

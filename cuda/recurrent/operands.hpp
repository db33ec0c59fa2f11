// SPDX-License-Identifier: MIT
// Operands of products in 16 bits, and other small things that the passes do to whole matrices. Legend: H hidden units,
// P outputs, B batch, T time steps.
#pragma once

#include "arguments.hpp"

#include <rondo/core/view.hpp>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// low (contiguous) = a, rounded to fp16 or else bf16.
void round_to_low(MatrixView<const float> a, bool fp16, std::uint16_t* low);

/// to = from, steps of B columns each, with zeros in the padding.
template <class Scalar>
void copy_active(MatrixView<const Scalar> from, const StepOrder& step_order, MatrixView<Scalar> to);

/// Zeros in the padding of a, steps of B columns each.
template <class Scalar>
void clear_padding(const StepOrder& step_order, MatrixView<Scalar> a);

/// final (rows x B) = `states` (rows x B x T) at the last step that is visited of each sequence, or `initial` where it
/// has none.
template <class Scalar>
void gather_final_state(const StepOrder& step_order, MatrixView<const Scalar> states, const Scalar* initial,
                        MatrixView<Scalar> final);

/// first (rows x B) = `steps` (rows x B x T) at the first step that is visited of each sequence, or zeros.
template <class Scalar>
void gather_first_steps(const StepOrder& step_order, MatrixView<const Scalar> steps, MatrixView<Scalar> first);

/// products (H x (B*T)) = rows of dz times what a peephole of theirs sees: of each step c(t) or, if `before`, c(t-1).
/// Zeros in padding.
template <class Scalar>
void multiply_by_c(const StepOrder& step_order, bool before, MatrixView<const Scalar> dz, const Scalar* c0,
                   MatrixView<const Scalar> c, MatrixView<Scalar> products);

}  // namespace rondo::inline RONDO_ABI::cuda

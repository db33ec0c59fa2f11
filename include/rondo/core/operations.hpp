// SPDX-License-Identifier: MIT
// Types that the operations of all backends share. An operation takes its device's tag as its first argument, and that
// chooses the backend: `gemm(Device{}, Op::none, Op::transpose, dz, x, dW)`.
#pragma once

#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Whether a matrix operand is transposed.
enum class Op { none, transpose };

/// A left operand that is packed once for many products, for instance recurrent weights for the T steps of a sequence.
template <class Scalar, class Device>
struct PackedMatrix;

/// Coefficients of one Adam step, the same for every parameter.
struct AdamStep {
  double step_size;              ///< learning rate / (1 - beta1^step)
  double beta1;                  ///< decay of the first moment
  double beta2;                  ///< decay of the second moment
  double bias_correction2_sqrt;  ///< sqrt(1 - beta2^step)
  double epsilon;                ///< added to the denominator
  double weight_decay_factor;    ///< 1 - learning rate * weight decay; 1 without weight decay
};

}  // namespace rondo::inline RONDO_ABI

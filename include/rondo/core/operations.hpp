// SPDX-License-Identifier: MIT
// Types that the operations of all backends share. An operation takes its device's tag as its first argument, and that
// chooses the backend: `gemm(Device{}, Op::none, Op::transpose, dz, x, dW)`.
#pragma once

#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Whether a factor is taken as it lies or transposed.
enum class Op { none, transpose };

/// A left factor made ready for many products, as the recurrent weights are for the steps of a sequence: packed once,
/// used T times.
template <class Scalar, class Device>
struct PackedMatrix;

/// The numbers of one Adam step, the same for every parameter.
struct AdamStep {
  double step_size;              // learning rate over the first moment's bias correction
  double beta1, beta2;           // decay of the moments
  double bias_correction2_sqrt;  // sqrt(1 - beta2^step)
  double epsilon;
  double weight_decay_factor;  // 1 - learning rate * weight decay; 1 without weight decay
};

}  // namespace rondo::inline RONDO_ABI

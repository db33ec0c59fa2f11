// SPDX-License-Identifier: MIT
// The words that the verbs of all backends share. A verb takes its device's tag first; layers call it by that:
// `gemm(Device{}, Op::none, Op::transpose, dz, x, dW)`.
#pragma once

#include <rondo/core/view.hpp>

namespace rondo::inline v0 {

/// Whether a factor is taken as it lies or transposed.
enum class Op { none, transpose };

/// A left factor made ready for many products, as the recurrent weights are for the steps of a sequence: packed once,
/// used T times.
template <class Scalar, class Device>
struct PackedMatrix;

/// The weights of an LSTM layer that only runs, made ready once.
template <class Scalar, class Device>
struct InferenceWeights;

/// What one caller's passes over such a layer work in.
template <class Scalar, class Device>
struct InferenceWorkspace;

/// The numbers of one Adam step, the same for every parameter.
struct AdamStep {
  double rate;             // learning rate over the first moment's bias correction
  double beta1, beta2;     // decay of the moments
  double root_correction;  // sqrt(1 - beta2^step)
  double epsilon;
  double shrink;  // 1 - learning rate * weight decay; 1 where nothing decays
};

}  // namespace rondo::inline v0

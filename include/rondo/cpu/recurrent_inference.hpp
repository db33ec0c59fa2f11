// SPDX-License-Identifier: MIT
// Inference with one recurrent layer in one direction on the CPU; the weights are packed once. See
// layers/inference.hpp. Legend: C input features, H hidden units, P outputs, N blocks of the cell, B batch, T time
// steps.
#pragma once

#include <rondo/cpu/recurrent_workspace.hpp>
#include <rondo/cpu/weight_copy.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/inference.hpp>
#include <rondo/recurrent/weights.hpp>

#include <cstdint>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

template <class Scalar>
struct InferenceWeights<Scalar, Cpu> {
  RecurrentShape shape;
  PassOptions options;
  const detail::Kernels* kernels = nullptr;  // kernels that define the packed layout; null: the plain pass is used
  detail::PackedWeights packed;
  detail::WeightCopy<Scalar> plain;  // copies of the weights, for the plain pass
  Buffer<Scalar> bias;               // NH, for the packed pass
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cpu> {
  Sequence<Scalar> h0, c0, c, m;  // h0: P x B x 1; the others: H x B x 1
  Buffer<Scalar> z;               // NH x B per step of a chunk
  detail::ForwardOperands operands;
  RecurrentCache<Scalar> cache;  // for the plain pass
};

/// Packs a layer's weights or, for the plain pass, copies them.
template <class Cell, class Scalar>
void recurrent_prepare_inference(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& from,
                                 InferenceWeights<Scalar, Cpu>& to);

/// Computes y (P x B x T) from x (C x B x T) and the state h (P x B), c (H x B), which becomes the state after each
/// sequence's last step. y is zero in padding.
template <class Cell, class Scalar>
void recurrent_infer(Cpu cpu, Cell cell, const InferenceWeights<Scalar, Cpu>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cpu>& work);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/recurrent_inference.inl>
#endif

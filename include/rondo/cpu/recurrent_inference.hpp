// SPDX-License-Identifier: MIT
// Inference of one recurrent layer in one direction on the CPU, with weights that are packed once: see
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
  const detail::Kernels* kernels = nullptr;  // of the level that packed them; null: the plain pass
  detail::PackedWeights<float> packed;
  detail::PackedWeights<std::uint32_t> packed_bf16;
  detail::WeightCopy<Scalar> plain;  // of the plain pass
  Buffer<Scalar> bias;               // NH, of the packed one

  /// The packed weights of a pass with this packed type.
  template <class Packed, class Self>
  static auto& packed_for(Self& self) {
    if constexpr (std::is_same_v<Packed, float>)
      return self.packed;
    else
      return self.packed_bf16;
  }
};

template <class Scalar>
struct InferenceWorkspace<Scalar, Cpu> {
  Sequence<Scalar> h0, c0, c, m;  // P x B x 1, H x B x 1
  Buffer<Scalar> z;               // NH x B of some steps
  detail::ForwardOperands<float> operands;
  detail::ForwardOperands<std::uint32_t> operands_bf16;
  RecurrentCache<Scalar> cache;  // of the plain pass

  template <class Packed>
  detail::ForwardOperands<Packed>& operands_for() {
    if constexpr (std::is_same_v<Packed, float>)
      return operands;
    else
      return operands_bf16;
  }
};

/// Copies and packs a layer's weights.
template <class Cell, class Scalar>
void recurrent_prepare_inference(Cpu, Cell, const PassOptions& options, const RecurrentWeights<const Scalar>& from,
                                 InferenceWeights<Scalar, Cpu>& to);

/// Runs over x (C x B x T) from the state h (P x B), c (H x B), which moves to each sequence's end. y becomes P x B x
/// T; zeros in padding.
template <class Cell, class Scalar>
void recurrent_infer(Cpu cpu, Cell cell, const InferenceWeights<Scalar, Cpu>& w, SequenceView<const Scalar> x,
                     MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y,
                     InferenceWorkspace<Scalar, Cpu>& work);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/recurrent_inference.inl>
#endif

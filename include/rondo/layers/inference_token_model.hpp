// SPDX-License-Identifier: MIT
// InferenceTokenModel: a trained TokenModel for inference only, on an InferenceRecurrent: packed weights in fp32 or
// bf16, no saved activations. Legend as in token_model.hpp.
#pragma once

#include <rondo/layers/inference.hpp>
#include <rondo/layers/token_model.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// A trained TokenModel for inference only, with packed weights.
template <class Scalar, class Device = Cpu, class Cell = LstmCell>
class InferenceTokenModel {
 public:
  using State = RecurrentState<Scalar, Device>;  ///< h and c of all layers

  /// Workspace of one caller. Reused between calls, it stops allocating. Logits are stored in it.
  struct Workspace {
    Sequence<Scalar, Device> x;                                              ///< embeddings, D x B x T
    typename InferenceRecurrent<Cell, Scalar, Device>::Workspace recurrent;  ///< of the recurrent layers
    Sequence<Scalar, Device> logits;                                         ///< V x B x T
  };

  /// Copies the weights of `model`; later changes of `model` have no effect. `precision` applies to the products of the
  /// recurrent layers.
  explicit InferenceTokenModel(const TokenModel<Scalar, Device, Cell>& model, Precision precision = Precision::fp32)
      : config_(model.config()),
        embedding_(model.embedding()),
        recurrent_(model.recurrent(), precision),
        output_(model.output()) {}

  const TokenModelConfig& config() const { return config_; }  ///< configuration of the model

  /// Returns the logits of the next token at each step, V x B x T, as TokenModel::forward does. `state`, in/out:
  /// initial state on entry, final state on return. Throws shape_error.
  const Sequence<Scalar, Device>& forward(std::span<const std::int32_t> tokens, Index batch, Index time, State& state,
                                          Workspace& work) const {
    embedding_.forward(tokens, batch, time, work.x, config_.ids_per_step);
    output_.forward(recurrent_.forward(work.x, state, work.recurrent), work.logits);
    return work.logits;
  }

 private:
  TokenModelConfig config_;
  Embedding<Scalar, Device> embedding_;
  InferenceRecurrent<Cell, Scalar, Device> recurrent_;
  Linear<Scalar, Device> output_;
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// InferenceTokenModel: a TokenModel that has learned and now only runs, on an InferenceRecurrent: packed weights, in
// fp32 or bf16, and nothing kept for backward. Legend as in token_model.hpp.
#pragma once

#include <rondo/layers/inference.hpp>
#include <rondo/layers/token_model.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

template <class Scalar, class Device = Cpu, class Cell = LstmCell>
class InferenceTokenModel {
 public:
  using State = RecurrentState<Scalar, Device>;

  /// What one caller's passes work in; kept between calls, it stops allocating. Logits live there.
  struct Workspace {
    Sequence<Scalar, Device> x;  // D x B x T
    typename InferenceRecurrent<Cell, Scalar, Device>::Workspace recurrent;
    Sequence<Scalar, Device> logits;  // V x B x T
  };

  /// Copies the weights: later changes of `model` are not seen. `precision` is that of the recurrent layers' products.
  explicit InferenceTokenModel(const TokenModel<Scalar, Device, Cell>& model, Precision precision = Precision::fp32)
      : config_(model.config()),
        embedding_(model.embedding()),
        recurrent_(model.recurrent(), precision),
        output_(model.output()) {}

  const TokenModelConfig& config() const { return config_; }

  /// Logits V x B x T for what follows each of the B*T steps, as TokenModel::forward gives them. `state` moves on.
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

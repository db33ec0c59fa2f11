// SPDX-License-Identifier: MIT
// TokenModel: embedding, recurrent layers, linear: the probability of the next token given all before it. What `piano`
// trains. Legend: V vocabulary, D features of the embedding, H hidden units, L layers, B batch, T time steps.
#pragma once

#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

struct TokenModelConfig {
  Index vocabulary = 0;    // V
  Index conditions = 0;    // ids behind the vocabulary's, V.., that condition the model but are never predicted
  Index ids_per_step = 1;  // K: ids of a step, the token's first; the others conditions or kNoToken
  Index embedding = 128;   // D
  Index hidden = 256;      // H
  Index layers = 2;        // L
  double dropout = 0;      // between the layers and before the output, in [0, 1)
  double forget_bias = 1;
  Precision precision = Precision::fp32;  // of the LSTM's products
};

template <class Scalar, class Device = Cpu, class Cell = LstmCell>
class TokenModel {
 public:
  using Network = Recurrent<Cell, Scalar, Device>;
  using State = RecurrentState<Scalar, Device>;

  /// Everything a training step needs beside the weights; kept between steps, it stops allocating.
  struct Cache {
    typename Network::Cache recurrent;
    DropoutCache<Scalar, Device> output_dropout;
    bool dropped = false;             // whether the last forward pass dropped before the output layer
    Sequence<Scalar, Device> logits;  // V x B x T
    Sequence<Scalar, Device> d_logits, dy;
    State d_state;

    /// What the output layer saw, H x B x T.
    const Sequence<Scalar, Device>& features() const { return dropped ? output_dropout.y : recurrent.layers.back().y; }
  };

  TokenModel(const TokenModelConfig& config, Rng& rng)
      : config_(config),
        embedding_(config.vocabulary + config.conditions, config.embedding, rng),
        recurrent_({.input = config.embedding,
                    .hidden = config.hidden,
                    .layers = config.layers,
                    .dropout = config.dropout,
                    .forget_bias = config.forget_bias,
                    .precision = config.precision},
                   rng),
        output_(config.hidden, config.vocabulary, rng) {
    // Conditions begin silent: a sum of many random columns would drown the token's.
    fill(Device{}, embedding_.E().value().columns(config.vocabulary, config.conditions), Scalar{0});
  }

  const TokenModelConfig& config() const { return config_; }
  State zero_state(Index batch) const { return recurrent_.zero_state(batch); }

  // The layers, e.g. to make an InferenceRecurrent or a StreamingRecurrent of.
  Embedding<Scalar, Device>& embedding() { return embedding_; }
  const Embedding<Scalar, Device>& embedding() const { return embedding_; }
  Network& recurrent() { return recurrent_; }
  const Network& recurrent() const { return recurrent_; }
  Linear<Scalar, Device>& output() { return output_; }
  const Linear<Scalar, Device>& output() const { return output_; }

  /// Logits V x B x T for what follows each of the B*T steps (the K ids of (b, t) from K * (b + B * t)); they live in
  /// `cache`. `state` moves on.
  const Sequence<Scalar, Device>& forward(std::span<const std::int32_t> tokens, Index batch, Index time, State& state,
                                          Cache& cache, Mode mode) const {
    const auto& y =
        recurrent_.forward(embedding_.input(tokens, batch, time, config_.ids_per_step), state, cache.recurrent, mode);
    cache.dropped = mode.training() && config_.dropout > 0;
    if (cache.dropped) dropout(y, config_.dropout, mode.rng(), cache.output_dropout);
    output_.forward(cache.features(), cache.logits);
    return cache.logits;
  }

  /// Adds to the gradients, given d_logits = dL/dlogits (V x B x T), of whatever loss. tokens and cache are those of
  /// the forward pass. The gradient stops at the window's start (truncated backpropagation through time).
  void backward(std::span<const std::int32_t> tokens, const Sequence<Scalar, Device>& d_logits, Cache& cache) {
    const Index B = cache.logits.batch(), T = cache.logits.time();
    require_shape(cache.recurrent.layers.size() == static_cast<std::size_t>(recurrent_.depth()),
                  "TokenModel::backward: the cache is not that of a forward pass");
    const auto x = embedding_.checked_input(tokens, B, T, config_.ids_per_step);
    output_.backward(cache.features(), d_logits, &cache.dy);
    if (cache.dropped) dropout_backward(cache.output_dropout, cache.dy);
    recurrent_.resize(cache.d_state, B);
    cache.d_state.set_zero();
    recurrent_.backward(x, cache.dy, cache.recurrent, cache.d_state, embedding_.E().grad());
  }

  /// Forward, the loss of predicting `targets` (softmax_cross_entropy), and backward over one window. Returns the loss.
  Loss forward_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets, Index batch,
                        Index time, State& state, Cache& cache, Mode mode) {
    forward(tokens, batch, time, state, cache, mode);
    const Loss loss = softmax_cross_entropy(cache.logits, targets, &cache.d_logits);
    backward(tokens, cache.d_logits, cache);
    return loss;
  }

  /// What step() works in.
  struct Scratch {
    Sequence<Scalar, Device> x;  // D x B x 1
    typename Network::Scratch recurrent;
    Sequence<Scalar, Device> logits;  // V x B x 1
  };

  /// One step of each of B streams (K ids a stream): the logits (V x B) of what follows it.
  MatrixView<const Scalar> step(std::span<const std::int32_t> tokens, State& state, Scratch& scratch) const {
    const auto B = static_cast<Index>(tokens.size()) / config_.ids_per_step;
    embedding_.forward(tokens, B, 1, scratch.x, config_.ids_per_step);
    const auto h = recurrent_.step(scratch.x.at(0), state, scratch.recurrent);
    scratch.logits.resize(output_.output(), B, 1);
    output_.step(h, scratch.logits.at(0));
    return scratch.logits.at(0);
  }

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    visit(*this, f, path);
  }
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) const {
    visit(*this, f, path);
  }

 private:
  template <class Self, class F>
  static void visit(Self& self, F& f, const Path& path) {
    self.embedding_.for_each_parameter(f, path / "embedding");
    self.recurrent_.for_each_parameter(f, path / Cell::kModule);
    self.output_.for_each_parameter(f, path / "output");
  }

  TokenModelConfig config_;
  Embedding<Scalar, Device> embedding_;
  Network recurrent_;
  Linear<Scalar, Device> output_;
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// TokenModel: embedding, recurrent layers and a linear layer that predict the next token from all previous ones.
// Legend: V vocabulary, D features of the embedding, H hidden units, L layers, B batch, T time steps, K ids per step.
#pragma once

#include <rondo/core/transfer.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// Configuration of a TokenModel.
struct TokenModelConfig {
  Index vocabulary = 0;       ///< V
  Index conditions = 0;       ///< number of condition ids, V and up: inputs that are never predicted
  Index ids_per_step = 1;     ///< K: ids per step; the first is the token, the others are conditions or kNoToken
  Index embedding = 128;      ///< D
  Index hidden = 256;         ///< H
  Index layers = 2;           ///< L
  double dropout = 0;         ///< between the layers and before the output, in [0, 1)
  double weight_dropout = 0;  ///< of R, one mask per forward pass, in [0, 1): see RecurrentConfig
  double forget_bias = 1;     ///< initial bias of the forget gate, for cells that have one
  Precision precision = Precision::fp32;  ///< of the products of the recurrent layers
};

/// A constant that is added to some logits, so that training and evaluation know which tokens cannot follow.
struct LogitMask {
  std::span<const std::uint8_t> masked = {};  ///< V x B x T on the host, not 0 where `value` is added; empty: nowhere
  double value = 0;                           ///< what is added
};

/// A language model of tokens: embedding, recurrent layers, linear output layer.
///
/// @code
/// rondo::TokenModel<float> model({.vocabulary = 100, .hidden = 64, .layers = 1}, rng);
/// rondo::TokenModel<float>::Cache cache;
/// auto state = model.zero_state(B);
/// rondo::zero_grad(model);
/// const rondo::Loss loss = model.forward_backward(tokens, targets, B, T, state, cache, rondo::Training{rng});
/// rondo::clip_grad_norm(model, 1);
/// adam.step(model);
/// @endcode
template <class Scalar, class Device = Cpu, class Cell = LstmCell>
class TokenModel {
 public:
  using Network = Recurrent<Cell, Scalar, Device>;  ///< type of the recurrent layers
  using State = RecurrentState<Scalar, Device>;     ///< h and c of all layers

  /// Buffers of a training step. Reused between steps, it stops allocating.
  struct Cache {
    typename Network::Cache recurrent;            ///< activations of the recurrent layers
    DropoutCache<Scalar, Device> output_dropout;  ///< dropout before the output layer
    bool dropped = false;                         ///< whether the last forward pass had dropout before the output layer
    Sequence<Scalar, Device> logits;              ///< V x B x T
    Sequence<Scalar, Device> d_logits;            ///< V x B x T
    Sequence<Scalar, Device> dy;                  ///< gradient of the input of the output layer, H x B x T
    State d_state;                                ///< gradient of the state

    /// Input of the output layer, H x B x T.
    const Sequence<Scalar, Device>& features() const { return dropped ? output_dropout.y : recurrent.layers.back().y; }
  };

  /// Initialises embedding, recurrent layers and output layer; embeddings of conditions are zero. Throws shape_error
  /// for an invalid configuration.
  TokenModel(const TokenModelConfig& config, Rng& rng)
      : config_(config),
        embedding_(config.vocabulary + config.conditions, config.embedding, rng),
        recurrent_({.input = config.embedding,
                    .hidden = config.hidden,
                    .layers = config.layers,
                    .dropout = config.dropout,
                    .weight_dropout = config.weight_dropout,
                    .forget_bias = config.forget_bias,
                    .precision = config.precision},
                   rng),
        output_(config.hidden, config.vocabulary, rng) {
    // Conditions start at zero: a sum of many random columns would dominate that of the token.
    fill(Device{}, embedding_.E().value().columns(config.vocabulary, config.conditions), Scalar{0});
  }

  const TokenModelConfig& config() const { return config_; }                    ///< configuration
  State zero_state(Index batch) const { return recurrent_.zero_state(batch); }  ///< zeros for B sequences

  Embedding<Scalar, Device>& embedding() { return embedding_; }              ///< embedding
  const Embedding<Scalar, Device>& embedding() const { return embedding_; }  ///< embedding, read-only
  Network& recurrent() { return recurrent_; }                                ///< recurrent layers
  const Network& recurrent() const { return recurrent_; }                    ///< recurrent layers, read-only
  Linear<Scalar, Device>& output() { return output_; }                       ///< output layer
  const Linear<Scalar, Device>& output() const { return output_; }           ///< output layer, read-only

  /// Returns the logits of the next token at each step, V x B x T, stored in `cache`. tokens: K*B*T ids, those of (b,
  /// t) from K * (b + B * t) on. state, in/out: initial state on entry, final state on return. `mask` adds to the
  /// logits. Throws shape_error.
  const Sequence<Scalar, Device>& forward(std::span<const std::int32_t> tokens, Index batch, Index time, State& state,
                                          Cache& cache, Mode mode, const LogitMask& mask = {}) const {
    require_shape(mask.masked.empty() || static_cast<Index>(mask.masked.size()) == config_.vocabulary * batch * time,
                  "TokenModel::forward: the mask has ", mask.masked.size(),
                  " values for V x B x T = ", config_.vocabulary, " x ", batch, " x ", time);
    const auto& y =
        recurrent_.forward(embedding_.input(tokens, batch, time, config_.ids_per_step), state, cache.recurrent, mode);
    cache.dropped = mode.training() && config_.dropout > 0;
    if (cache.dropped) dropout(y, config_.dropout, mode.rng(), cache.output_dropout);
    output_.forward(cache.features(), cache.logits);
    if (!mask.masked.empty()) add_where(Device{}, mask.masked, static_cast<Scalar>(mask.value), cache.logits.flat());
    return cache.logits;
  }

  /// Adds to the gradients. d_logits: dL/dlogits of any loss, V x B x T; tokens and cache: those of the forward pass.
  /// The gradient of the initial state is not used (truncated backpropagation through time). ready(parameter) is called
  /// for each parameter as soon as its gradient is final, from the output down. Throws shape_error.
  template <class Ready = NotifyNobody>
  void backward(std::span<const std::int32_t> tokens, const Sequence<Scalar, Device>& d_logits, Cache& cache,
                Ready&& ready = {}) {
    const Index B = cache.logits.batch(), T = cache.logits.time();
    require_shape(cache.recurrent.layers.size() == static_cast<std::size_t>(recurrent_.depth()),
                  "TokenModel::backward: the cache is not that of a forward pass");
    const auto x = embedding_.checked_input(tokens, B, T, config_.ids_per_step);
    output_.backward(cache.features(), d_logits, &cache.dy);
    output_.for_each_parameter([&](const Path&, const auto& p) { ready(p); });
    if (cache.dropped) dropout_backward(cache.output_dropout, cache.dy);
    recurrent_.resize(cache.d_state, B);
    cache.d_state.set_zero();
    recurrent_.backward(x, cache.dy, cache.recurrent, cache.d_state, embedding_.E().grad(), ready);
    ready(embedding_.E());
  }

  /// forward, softmax_cross_entropy and backward over one window of B x T tokens. Adds to the gradients; returns the
  /// loss in nats. targets: B*T ids, kIgnoreIndex excludes a step. `mask` is that of forward(), `ready` that of
  /// backward(). Throws shape_error.
  template <class Ready = NotifyNobody>
  Loss forward_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets, Index batch,
                        Index time, State& state, Cache& cache, Mode mode, Ready&& ready = {},
                        const LogitMask& mask = {}) {
    forward(tokens, batch, time, state, cache, mode, mask);
    const Loss loss = softmax_cross_entropy(cache.logits, targets, &cache.d_logits);
    backward(tokens, cache.d_logits, cache, ready);
    return loss;
  }

  /// The same without waiting for the device: the sum of the loss stays there.
  template <class Ready = NotifyNobody>
  void forward_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets, Index batch,
                        Index time, State& state, Cache& cache, Mode mode, DeferredLoss<Device>& loss,
                        Ready&& ready = {}, const LogitMask& mask = {}) {
    forward(tokens, batch, time, state, cache, mode, mask);
    softmax_cross_entropy(cache.logits, targets, &cache.d_logits, loss);
    backward(tokens, cache.d_logits, cache, ready);
  }

  /// Workspace of step(). Reused between calls, it stops allocating.
  struct Scratch {
    Sequence<Scalar, Device> x;           ///< embeddings, D x B x 1
    typename Network::Scratch recurrent;  ///< of the recurrent layers
    Sequence<Scalar, Device> logits;      ///< V x B x 1
  };

  /// One step of B streams. tokens: K*B ids; state, in/out. Returns the logits of the next token, V x B, stored in
  /// `scratch`. Throws shape_error.
  MatrixView<const Scalar> step(std::span<const std::int32_t> tokens, State& state, Scratch& scratch) const {
    const auto B = static_cast<Index>(tokens.size()) / config_.ids_per_step;
    embedding_.forward(tokens, B, 1, scratch.x, config_.ids_per_step);
    const auto h = recurrent_.step(scratch.x.at(0), state, scratch.recurrent);
    scratch.logits.resize(output_.output(), B, 1);
    output_.step(h, scratch.logits.at(0));
    return scratch.logits.at(0);
  }

  /// Calls f(path, parameter) for "embedding.weight", "lstm.weight_ih_l0" and so on, "output.weight", "output.bias".
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    visit(*this, f, path);
  }
  /// Calls f(path, parameter), read-only.
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

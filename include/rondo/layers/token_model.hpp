// SPDX-License-Identifier: MIT
// TokenModel: embedding, LSTM, linear: the probability of the next token given all before it. What `piano` trains.
// Legend: V vocabulary, D features of the embedding, H hidden units, L layers, B batch, T time steps.
#pragma once

#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/lstm.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0 {

struct TokenModelConfig {
  Index vocabulary = 0;   // V
  Index conditions = 0;   // ids behind the vocabulary's, V.., that are heard but never foretold
  Index per_step = 1;     // K: ids of a step, the token's first; the others conditions or kNoToken
  Index embedding = 128;  // D
  Index hidden = 256;     // H
  Index layers = 2;       // L
  double dropout = 0;     // between the layers and before the output, in [0, 1)
  double forget_bias = 1;
  Precision precision = Precision::fp32;  // of the LSTM's products
};

template <class Scalar, class Device = Cpu>
class TokenModel {
 public:
  /// Everything a training step needs beside the weights; kept between steps, it stops allocating.
  struct Cache {
    typename Lstm<Scalar, Device>::Cache lstm;
    DropoutCache<Scalar, Device> output_dropout;
    Sequence<Scalar, Device> logits;  // V x B x T
    Sequence<Scalar, Device> d_logits, dy;
    LstmState<Scalar, Device> d_state;
    const Sequence<Scalar, Device>* features = nullptr;  // what the linear layer saw
  };

  TokenModel(const TokenModelConfig& config, Rng& rng)
      : config_(config),
        embedding_(config.vocabulary + config.conditions, config.embedding, rng),
        lstm_({config.embedding, config.hidden, config.layers, config.dropout, config.forget_bias, config.precision},
              rng),
        output_(config.hidden, config.vocabulary, rng) {
    // Conditions begin silent: a sum of many random columns would drown the token's.
    fill(Device{}, embedding_.E().value().columns(config.vocabulary, config.conditions), Scalar{0});
  }

  const TokenModelConfig& config() const { return config_; }
  LstmState<Scalar, Device> zero_state(Index batch) const { return lstm_.zero_state(batch); }

  /// Logits V x B x T for what follows each of the B*T steps (the K ids of (b, t) from K * (b + B * t)); they live in
  /// `cache`.
  /// `state` moves on. With a generator it drops, for training.
  const Sequence<Scalar, Device>& forward(std::span<const std::int32_t> tokens, Index batch, Index time,
                                          LstmState<Scalar, Device>& state, Cache& cache,
                                          Rng* dropout_rng = nullptr) const {
    cache.features =
        &lstm_.forward(embedding_.input(tokens, batch, time, config_.per_step), state, cache.lstm, dropout_rng);
    if (dropout_rng && config_.dropout > 0)
      cache.features = &dropout(*cache.features, config_.dropout, *dropout_rng, cache.output_dropout);
    output_.forward(*cache.features, cache.logits);
    return cache.logits;
  }

  /// Forward, loss and backward over one window: adds to the gradients. The gradient stops at the window's start
  /// (truncated backpropagation through time). Returns the loss of the window.
  Loss forward_backward(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets, Index batch,
                        Index time, LstmState<Scalar, Device>& state, Cache& cache, Rng* dropout_rng = nullptr) {
    forward(tokens, batch, time, state, cache, dropout_rng);
    const Loss loss = softmax_cross_entropy(cache.logits, targets, &cache.d_logits);
    output_.backward(*cache.features, cache.d_logits, &cache.dy);
    if (cache.features == &cache.output_dropout.y)
      dropout_backward(Device{}, cache.output_dropout.mask.flat(), cache.dy.flat());
    cache.d_state.h.resize(lstm_.hidden(), batch, lstm_.depth());
    cache.d_state.c.resize(lstm_.hidden(), batch, lstm_.depth());
    cache.d_state.set_zero();
    lstm_.backward(embedding_.input(tokens, batch, time, config_.per_step), cache.dy, cache.lstm, cache.d_state,
                   embedding_.E().grad());
    return loss;
  }

  /// What step() works in.
  struct Scratch {
    Sequence<Scalar, Device> x;  // D x B x 1
    Buffer<Scalar, Device> lstm;
    Sequence<Scalar, Device> logits;  // V x B x 1
  };

  /// One step of each of B streams (K ids a stream): the logits (V x B) of what follows it.
  MatrixView<const Scalar> step(std::span<const std::int32_t> tokens, LstmState<Scalar, Device>& state,
                                Scratch& scratch) const {
    const auto B = static_cast<Index>(tokens.size()) / config_.per_step;
    embedding_.forward(tokens, B, 1, scratch.x, config_.per_step);
    const auto h = lstm_.step(scratch.x.at(0), state, scratch.lstm);
    scratch.logits.resize(output_.output(), B, 1);
    output_.step(h, scratch.logits.at(0));
    return scratch.logits.at(0);
  }

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    embedding_.for_each_parameter(f, path / "embedding");
    lstm_.for_each_parameter(f, path / "lstm");
    output_.for_each_parameter(f, path / "output");
  }

 private:
  TokenModelConfig config_;
  Embedding<Scalar, Device> embedding_;
  Lstm<Scalar, Device> lstm_;
  Linear<Scalar, Device> output_;
};

}  // namespace rondo::inline v0

// SPDX-License-Identifier: MIT
// Lstm: L layers of LSTM with dropout between them. One type trains, infers and streams:
//
//   LstmState<float> state = lstm.zero_state(B);
//   const auto& y = lstm.forward(x, state, cache);       // H x B x T; state moves to the end of the sequence
//   lstm.backward(x, dy, cache, d_state, &dx);           // adds to the gradients
//   const auto h = lstm.step(x_now, state, scratch);     // one step, H x B
//
// Truncated backpropagation through time is: keep `state` from one forward to the next, give backward a zero d_state.
// Legend: C input features, H hidden units, L layers, B batch, T time steps.
#pragma once

#include <rondo/core/lstm_stack.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/lstm_layer.hpp>

#include <vector>

namespace rondo::inline v0 {

/// Hidden state and cell of every layer, or their gradients. Layer l is `at(l)`; the bytes are PyTorch's (L, B, H).
template <class Scalar, class Device = Cpu>
struct LstmState {
  Sequence<Scalar, Device> h;  // H x B x L
  Sequence<Scalar, Device> c;  // H x B x L

  void set_zero() {
    fill(Device{}, h.flat(), 0);
    fill(Device{}, c.flat(), 0);
  }
};

struct LstmConfig {
  Index input = 0;         // C
  Index hidden = 0;        // H
  Index layers = 1;        // L
  double dropout = 0;      // probability, between layers, in [0, 1)
  double forget_bias = 1;  // where the forget gate's bias starts
  Precision precision = Precision::fp32;
};

template <class Scalar, class Device = Cpu>
class Lstm {
 public:
  /// What a forward pass leaves for backward; the caller holds it.
  struct Cache {
    std::vector<LstmLayerCache<Scalar, Device>> layers;
    std::vector<DropoutCache<Scalar, Device>> dropouts;  // dropouts[l] stands between layers l and l+1
    bool dropped = false;                                // whether the last forward pass drew masks
    Sequence<Scalar, Device> dx_above, dx_below;         // backward: gradients between layers
  };

  /// Throws shape_error unless C, H, L are positive and 0 <= dropout < 1.
  Lstm(const LstmConfig& config, Rng& rng) : config_(config) {
    require_shape(config.input > 0 && config.hidden > 0 && config.layers > 0, "Lstm: C = ", config.input,
                  ", H = ", config.hidden, ", L = ", config.layers, ", wanted positive numbers");
    require_shape(0 <= config.dropout && config.dropout < 1, "Lstm: dropout is ", config.dropout, ", wanted [0, 1)");
    for (Index l = 0; l < config.layers; ++l)
      layers_.emplace_back(l == 0 ? config.input : config.hidden, config.hidden, config.forget_bias, rng,
                           config.precision);
  }

  const LstmConfig& config() const { return config_; }
  Index input() const { return config_.input; }
  Index hidden() const { return config_.hidden; }
  Index depth() const { return config_.layers; }
  LstmLayer<Scalar, Device>& layer(Index l) { return layers_[static_cast<std::size_t>(l)]; }
  const LstmLayer<Scalar, Device>& layer(Index l) const { return layers_[static_cast<std::size_t>(l)]; }

  LstmState<Scalar, Device> zero_state(Index batch) const {
    LstmState<Scalar, Device> state;
    state.h.resize(hidden(), batch, depth());
    state.c.resize(hidden(), batch, depth());
    state.set_zero();
    return state;
  }

  /// x: C x B x T. state: the initial state on entry, the state after each sequence's end on return. Returns the top
  /// layer's outputs, H x B x T, which live in `cache`. With `dropout_rng` it trains (drops between layers), without it
  /// does not drop.
  const Sequence<Scalar, Device>& forward(const Sequence<Scalar, Device>& x, LstmState<Scalar, Device>& state,
                                          Cache& cache, Rng* dropout_rng = nullptr) const {
    return forward_over(x, x.features(), x.batch(), state, cache, dropout_rng);
  }

  /// The same over tokens and their embeddings, D = C.
  const Sequence<Scalar, Device>& forward(const TokenInput<Scalar, Device>& x, LstmState<Scalar, Device>& state,
                                          Cache& cache, Rng* dropout_rng = nullptr) const {
    return forward_over(x, x.E.rows, x.batch, state, cache, dropout_rng);
  }

  /// Adds to the gradients of all weights. dy: dL/dy, H x B x T. d_state: the gradient of the final state on entry
  /// (zero, unless the loss looks at it), that of the initial state on return. dx becomes dL/dx unless it is null. x
  /// and cache are those of the forward pass.
  void backward(const Sequence<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Cache& cache,
                LstmState<Scalar, Device>& d_state, Sequence<Scalar, Device>* dx = nullptr) {
    backward_over(x, dx, x.batch(), x.time(), dy, cache, d_state);
  }

  /// The same over tokens: adds to dE, the gradient of their embeddings (C x V).
  void backward(const TokenInput<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Cache& cache,
                LstmState<Scalar, Device>& d_state, MatrixView<Scalar> dE) {
    backward_over(x, dE, x.batch, x.time, dy, cache, d_state);
  }

  /// One step: x (C x B) in, the top layer's hidden state (H x B, a part of `state`) out. `scratch` is kept between
  /// calls.
  MatrixView<const Scalar> step(MatrixView<const Scalar> x, LstmState<Scalar, Device>& state,
                                Buffer<Scalar, Device>& scratch) const {
    require_shape(x.rows == input(), "Lstm::step: x is ", x.rows, " x ", x.cols,
                  " (C x B), this layer wants C = ", input());
    require_state("Lstm::step", "state", state, x.cols);
    scratch.resize(4 * hidden() * x.cols);
    const MatrixView<Scalar> z{scratch.data(), 4 * hidden(), x.cols, 4 * hidden()};
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      layers_[l].step(x, state.h.at(Index(l)), state.c.at(Index(l)), z);
      x = state.h.at(Index(l));
    }
    return x;
  }

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    for (std::size_t l = 0; l < layers_.size(); ++l) layers_[l].for_each_parameter(f, path, Index(l));
  }

 private:
  template <class Input>
  const Sequence<Scalar, Device>& forward_over(const Input& x, Index features, Index batch,
                                               LstmState<Scalar, Device>& state, Cache& cache, Rng* dropout_rng) const {
    require_shape(features == input(), "Lstm::forward: x is ", x.shape(), ", this layer wants C = ", input());
    require_state("Lstm::forward", "state", state, batch);
    cache.layers.resize(layers_.size());
    cache.dropouts.resize(layers_.size() - 1);
    cache.dropped = dropout_rng != nullptr && config_.dropout > 0;
    if constexpr (kRunsLayersTogether<Device>)
      if (layers_run_together(Device{}, depth())) {
        lstm_stack_forward(Device{}, stack(cache), x, state.h, state.c, dropout_rng);
        return cache.layers.back().y;
      }
    const auto* y = &layers_[0].forward(x, state.h.at(0), state.c.at(0), cache.layers[0]);
    for (std::size_t l = 1; l < layers_.size(); ++l) {
      if (cache.dropped) y = &dropout(*y, config_.dropout, *dropout_rng, cache.dropouts[l - 1]);
      y = &layers_[l].forward(*y, state.h.at(Index(l)), state.c.at(Index(l)), cache.layers[l]);
    }
    return *y;
  }

  /// dx: where the gradient of x goes, in the form that the first layer takes.
  template <class Input, class InputGradient>
  void backward_over(const Input& x, InputGradient dx, Index batch, Index time, const Sequence<Scalar, Device>& dy,
                     Cache& cache, LstmState<Scalar, Device>& d_state) {
    require_shape(dy.features() == hidden() && dy.batch() == batch && dy.time() == time, "Lstm::backward: dy is ",
                  dy.shape(), ", wanted ", hidden(), " x ", batch, " x ", time);
    require_shape(
        cache.layers.size() == layers_.size() && cache.layers[0].y.batch() == batch && cache.layers[0].y.time() == time,
        "Lstm::backward: the cache is not that of a forward pass over x, ", x.shape());
    require_state("Lstm::backward", "d_state", d_state, batch);
    if constexpr (kRunsLayersTogether<Device>)
      if (layers_run_together(Device{}, depth())) {
        auto all = stack(cache);
        for (auto& layer : layers_) all.gradients.push_back(layer.gradients());
        lstm_stack_backward(Device{}, all, x, dy, d_state.h, d_state.c, dx);
        return;
      }
    const auto* d_above = &dy;
    for (std::size_t l = layers_.size() - 1; l > 0; --l) {
      const auto& below = cache.dropped ? cache.dropouts[l - 1].y : cache.layers[l - 1].y;
      layers_[l].backward(below, *d_above, cache.layers[l], d_state.h.at(Index(l)), d_state.c.at(Index(l)),
                          &cache.dx_below);
      if (cache.dropped) dropout_backward(Device{}, cache.dropouts[l - 1].mask.flat(), cache.dx_below.flat());
      std::swap(cache.dx_above, cache.dx_below);
      d_above = &cache.dx_above;
    }
    layers_[0].backward(x, *d_above, cache.layers[0], d_state.h.at(0), d_state.c.at(0), dx);
  }

  LstmStack<Scalar, Device> stack(Cache& cache) const {
    LstmStack<Scalar, Device> all{config_.precision, {}, {}, cache.layers, cache.dropped ? config_.dropout : 0,
                                  cache.dropouts};
    for (const auto& layer : layers_) all.weights.push_back(layer.weights());
    return all;
  }

  void require_state(const char* who, const char* what, const LstmState<Scalar, Device>& state, Index batch) const {
    for (const auto* s : {&state.h, &state.c})
      require_shape(s->features() == hidden() && s->batch() == batch && s->time() == depth(), who, ": ", what, " is ",
                    s->features(), " x ", s->batch(), " x ", s->time(), " (H x B x L), wanted ", hidden(), " x ", batch,
                    " x ", depth());
  }

  LstmConfig config_;
  std::vector<LstmLayer<Scalar, Device>> layers_;
};

}  // namespace rondo::inline v0

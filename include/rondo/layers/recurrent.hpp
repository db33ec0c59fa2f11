// SPDX-License-Identifier: MIT
// Recurrent: L layers of one kind of cell, in one direction or both, with dropout between layers; Lstm (lstm.hpp) is
// one. Legend: C input features, H hidden units, P outputs of a direction (H, unless there is a projection), D
// directions, L layers, B batch, T time steps.
#pragma once

#include <rondo/core/mode.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/recurrent_checks.hpp>
#include <rondo/layers/recurrent_config.hpp>
#include <rondo/layers/recurrent_layer.hpp>
#include <rondo/layers/recurrent_state.hpp>
#include <rondo/recurrent/layer_cache.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// A recurrent network of L layers, for training, inference and single steps.
///
/// @code
/// rondo::LstmState<float> state = lstm.zero_state(B);
/// const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // D*P x B x T; updates `state`
/// lstm.backward(x, dy, cache, d_state, &dx);                            // adds to the gradients
/// const auto h = lstm.step(x_now, state, scratch);                      // one step, P x B
/// @endcode
///
/// Truncated backpropagation through time: keep `state` from one forward to the next, and pass a zero d_state to each
/// backward.
///
/// Const functions may run in several threads at once, each with its own state and cache.
template <class Cell_, class Scalar, class Device = Cpu>
class Recurrent {
 public:
  using Cell = Cell_;                                  ///< LstmCell, GruCell, ...
  using Layer = RecurrentLayer<Cell, Scalar, Device>;  ///< one layer in one direction
  using State = RecurrentState<Scalar, Device>;        ///< h and c of all layers
  using Input = RecurrentInput<Scalar, Device>;        ///< features or tokens

  /// Activations of a forward pass, for backward. Held by the caller; reused between passes, it stops allocating.
  struct Cache {
    std::vector<LayerCache<Scalar, Device>> layers;      ///< L, of each layer
    std::vector<DropoutCache<Scalar, Device>> dropouts;  ///< L - 1; dropouts[l] is between layers l and l+1
    bool dropped = false;                                ///< whether the last forward pass drew dropout masks
    Sequence<Scalar, Device> dx_above;  ///< backward: gradient of a layer's inputs, in turn with dx_below
    Sequence<Scalar, Device> dx_below;  ///< backward: see dx_above
  };

  /// Workspace of step().
  using Scratch = StepScratch<Scalar, Device>;

  /// Initialises the weights as RecurrentLayer does. Throws shape_error for an invalid configuration.
  Recurrent(const RecurrentConfig& config, Rng& rng) : config_(config) {
    config.check(Cell::kName);
    for (Index l = 0; l < config.layers; ++l)
      for (Direction direction : {Direction::forward, Direction::reverse})
        if (direction == Direction::forward || config.bidirectional)
          layers_.emplace_back(config, l == 0 ? config.input : output(), direction, rng);
  }

  const RecurrentConfig& config() const { return config_; }                     ///< configuration
  Index input() const { return config_.input; }                                 ///< C
  Index hidden() const { return config_.hidden; }                               ///< H
  Index depth() const { return config_.layers; }                                ///< L
  Index directions() const { return config_.directions(); }                     ///< D
  Index output() const { return directions() * config_.output(); }              ///< D*P, rows of the outputs
  Layer& layer(Index l, Index d = 0) { return layers_[at(l, d)]; }              ///< layer l in direction d
  const Layer& layer(Index l, Index d = 0) const { return layers_[at(l, d)]; }  ///< layer l in direction d, read-only

  /// Which implementation runs: "packed" or "plain" on the CPU.
  const char* path() const { return recurrent_path(Device{}, Cell{}, layers_[0].options(), layers_[0].weights()); }

  /// A state of zeros for B sequences.
  State zero_state(Index batch) const {
    State state;
    resize(state, batch);
    state.set_zero();
    return state;
  }

  /// Initial state for B sequences: trained (RecurrentConfig::learned_initial_state), else zeros.
  State initial_state(Index batch) const {
    State state = zero_state(batch);
    for (std::size_t n = 0; n < layers_.size(); ++n)
      layers_[n].set_initial_state(state.h.at(Index(n)), c_at(state, Index(n)));
    return state;
  }

  /// Adds to the gradients of the trained initial state. d_state: gradient of the state that initial_state returned, as
  /// written by backward. Throws shape_error.
  void backward_initial_state(State& d_state) {
    detail::require_state<Cell>("", "::backward_initial_state", "d_state", d_state, config_, d_state.h.batch());
    for (std::size_t n = 0; n < layers_.size(); ++n)
      layers_[n].add_initial_state_gradient(d_state.h.at(Index(n)), c_at(d_state, Index(n)));
  }

  /// Resizes `state` to that of this network for B sequences. Contents are unspecified.
  void resize(State& state, Index batch) const {
    state.h.resize(config_.output(), batch, depth() * directions());
    state.c.resize(Cell::kHasC ? hidden() : 0, batch, depth() * directions());
  }

  /// x: C x B x T, or tokens with embeddings of C features. state, in/out: initial state on entry, state after each
  /// sequence's end on return. Returns the outputs of the top layer, D*P x B x T, stored in `cache`; zeros in padding.
  /// Throws shape_error.
  const Sequence<Scalar, Device>& forward(const Input& x, State& state, Cache& cache, Mode mode) const {
    detail::require_input({"", Cell::kName, "::forward"}, x, input());
    detail::require_state<Cell>("", "::forward", "state", state, config_, x.batch());
    const std::size_t L = static_cast<std::size_t>(depth());
    cache.layers.resize(L);
    cache.dropouts.resize(L - 1);
    cache.dropped = mode.training() && config_.dropout > 0;
    for (auto& layer : cache.layers) {
      layer.y.resize(output(), x.batch(), x.time());
      layer.y.set_lengths(x.extent().lengths);
    }
    Input below = x;
    for (std::size_t l = 0; l < L; ++l) {
      if (l > 0)
        below = cache.dropped ? dropout(cache.layers[l - 1].y, config_.dropout, mode.rng(), cache.dropouts[l - 1])
                              : std::as_const(cache.layers[l - 1].y);
      run_directions(Device{}, directions(), [&](Index d) {
        const Index s = Index(l) * directions() + d;
        layer(Index(l), d)
            .forward(below, state.h.at(s), c_at(state, s), outputs_of(cache.layers[l].y, d),
                     cache.layers[l].passes[std::size_t(d)], mode);
      });
    }
    return cache.layers.back().y;
  }

  /// Adds to the gradients of all weights. dy: dL/dy, D*P x B x T. d_state, in/out: gradient of the final state on
  /// entry (zero, unless the loss depends on it), gradient of the initial state on return. `to`, the destination of the
  /// input gradient: &dx is resized to C x B x T and overwritten; dE (C x V), if x is tokens, is added to; null: not
  /// computed. x and cache are those of the forward pass. ready(parameter) is called for each weight as soon as its
  /// gradient is final, upper layers first. Throws shape_error.
  template <class Ready = NotifyNobody>
  void backward(const Input& x, const Sequence<Scalar, Device>& dy, Cache& cache, State& d_state,
                const InputGradient<Scalar, Device>& to = {}, Ready&& ready = {}) {
    require_backward(x, dy, cache, d_state, to);
    RecurrentInputGradient<Scalar, Device> to_x{.dE = to.dE()};
    if (to.dx()) {
      to.dx()->resize(input(), x.batch(), x.time());
      to.dx()->set_lengths(x.extent().lengths);
      to_x.dx = to.dx()->flat();
    }
    const auto* d_above = &dy;
    auto *dx = &cache.dx_below, *other = &cache.dx_above;  // alternate: layer l always has the same
    for (std::size_t l = cache.layers.size() - 1;; --l) {
      Input below = x;
      if (l > 0) below = cache.dropped ? std::as_const(cache.dropouts[l - 1].y) : std::as_const(cache.layers[l - 1].y);
      RecurrentInputGradient<Scalar, Device> d_below = to_x;
      if (l > 0) {
        dx->resize(output(), x.batch(), x.time());
        dx->set_lengths(x.extent().lengths);
        d_below = {.dx = dx->flat()};
      }
      run_directions(Device{}, directions(), [&](Index d) {
        const Index s = Index(l) * directions() + d;
        d_below.add = d > 0;  // both directions have the same input
        layer(Index(l), d)
            .backward(below, outputs_of(cache.layers[l].y, d), outputs_of(*d_above, d),
                      cache.layers[l].passes[std::size_t(d)], d_state.h.at(s), c_at(d_state, s), d_below);
      });
      for (Index d = 0; d < directions(); ++d) layer(Index(l), d).for_each_weight(ready);
      if (l == 0) return;
      if (cache.dropped) dropout_backward(cache.dropouts[l - 1], *dx);
      d_above = dx;
      std::swap(dx, other);
    }
  }

  /// One step without saved activations. x: C x B. state, in/out. Returns the hidden state of the top layer (P x B, a
  /// view of `state`). `scratch`, reused between calls, stops allocating. Throws shape_error, also for a bidirectional
  /// network, which is not causal.
  MatrixView<const Scalar> step(MatrixView<const Scalar> x, State& state, Scratch& scratch) const {
    require_shape(!config_.bidirectional, Cell::kName, "::step: a bidirectional network needs whole sequences");
    require_shape(x.rows == input(), Cell::kName, "::step: x is ", x.rows, " x ", x.cols,
                  " (C x B), this layer wants C = ", input());
    detail::require_state<Cell>("", "::step", "state", state, config_, x.cols);
    for (Index l = 0; l < depth(); ++l) {
      layer(l).step(x, state.h.at(l), c_at(state, l), scratch);
      x = state.h.at(l);
    }
    return x;
  }

  /// Calls f(path, parameter) for the weights of all layers, under the names of torch.nn.LSTM: weight_ih_l0, ...
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    for (std::size_t n = 0; n < layers_.size(); ++n) layers_[n].for_each_parameter(f, path, Index(n) / directions());
  }
  /// Calls f(path, parameter) for the weights of all layers, read-only.
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) const {
    for (std::size_t n = 0; n < layers_.size(); ++n) layers_[n].for_each_parameter(f, path, Index(n) / directions());
  }

 private:
  std::size_t at(Index l, Index d) const { return static_cast<std::size_t>(l * directions() + d); }

  /// Rows of one direction.
  template <class S>
  auto outputs_of(S& y, Index d) const {
    return y.view().row_block(d * config_.output(), config_.output());
  }

  MatrixView<Scalar> c_at(State& state, Index s) const {
    if constexpr (Cell::kHasC)
      return state.c.at(s);
    else
      return {};
  }

  void require_backward(const Input& x, const Sequence<Scalar, Device>& dy, const Cache& cache, const State& d_state,
                        const InputGradient<Scalar, Device>& to) const {
    const detail::EntryPoint who{"", Cell::kName, "::backward"};
    detail::require_input(who, x, input());
    detail::require_beside(who, "dy", dy.view(), output(), x.extent());
    bool same = cache.layers.size() == static_cast<std::size_t>(depth()) &&
                cache.dropouts.size() + 1 == static_cast<std::size_t>(depth());
    for (const auto& layer : cache.layers) {
      const Extent y = layer.y.extent();
      same = same && layer.y.features() == output() && y.batch == x.batch() && y.time == x.time() &&
             y.same_lengths(x.extent());
    }
    require_shape(same, who, ": the cache is not that of a forward pass over x, ", x.shape());
    detail::require_state<Cell>("", "::backward", "d_state", d_state, config_, x.batch());
    detail::require_dE(who, x, to.dE(), to.dx() != nullptr);
  }

  RecurrentConfig config_;
  std::vector<Layer> layers_;  // direction d of layer l at l * D + d
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Recurrent: L layers of one kind of cell, in one direction or both, with dropout between them; Lstm (lstm.hpp) is one.
// One type trains, infers and streams:
//
//   LstmState<float> state = lstm.zero_state(B);
//   const auto& y = lstm.forward(x, state, cache, Training{rng});   // D*P x B x T; state moves to the end
//   lstm.backward(x, dy, cache, d_state, &dx);                      // adds to the gradients
//   const auto h = lstm.step(x_now, state, scratch);                // one step, P x B
//
// Truncated backpropagation through time is: keep `state` from one forward to the next, give backward a zero d_state.
// Legend: C input features, H hidden units, P outputs of a direction (H, unless there is a projection), D directions, L
// layers, B batch, T time steps.
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
#include <rondo/recurrent/stack.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

template <class Cell_, class Scalar, class Device = Cpu>
class Recurrent {
 public:
  using Cell = Cell_;
  using Layer = RecurrentLayer<Cell, Scalar, Device>;
  using State = RecurrentState<Scalar, Device>;
  using Input = RecurrentInput<Scalar, Device>;

  /// What a forward pass leaves for backward; the caller holds it.
  struct Cache {
    std::vector<LayerCache<Scalar, Device>> layers;
    std::vector<DropoutCache<Scalar, Device>> dropouts;  // dropouts[l] stands between layers l and l+1
    bool dropped = false;                                // whether the last forward pass drew masks
    Sequence<Scalar, Device> dx_above, dx_below;         // backward: gradients between layers
  };

  /// What step() works in.
  using Scratch = StepScratch<Scalar, Device>;

  /// Throws shape_error where the configuration makes no network.
  Recurrent(const RecurrentConfig& config, Rng& rng) : config_(config) {
    config.check(Cell::kName);
    for (Index l = 0; l < config.layers; ++l)
      for (Direction direction : {Direction::forward, Direction::reverse})
        if (direction == Direction::forward || config.bidirectional)
          layers_.emplace_back(config, l == 0 ? config.input : output(), direction, rng);
  }

  const RecurrentConfig& config() const { return config_; }
  Index input() const { return config_.input; }
  Index hidden() const { return config_.hidden; }
  Index depth() const { return config_.layers; }
  Index directions() const { return config_.directions(); }
  /// Rows of the outputs, D*P.
  Index output() const { return directions() * config_.output(); }
  Layer& layer(Index l, Index d = 0) { return layers_[at(l, d)]; }
  const Layer& layer(Index l, Index d = 0) const { return layers_[at(l, d)]; }

  /// Which pass computes it: "packed" or "plain" on the CPU.
  const char* path() const { return recurrent_path(Device{}, Cell{}, layers_[0].options(), layers_[0].weights()); }

  State zero_state(Index batch) const {
    State state;
    resize(state, batch);
    state.set_zero();
    return state;
  }

  /// What a sequence begins from: the learned state of every layer where the configuration asks for one, else zeros.
  State initial_state(Index batch) const {
    State state = zero_state(batch);
    for (std::size_t n = 0; n < layers_.size(); ++n)
      layers_[n].set_initial_state(state.h.at(Index(n)), c_at(state, Index(n)));
    return state;
  }

  /// Adds to the gradients of the learned initial state: d_state is what backward left, the gradient of a state that
  /// initial_state gave.
  void backward_initial_state(State& d_state) {
    detail::require_state<Cell>("", "::backward_initial_state", "d_state", d_state, config_, d_state.h.batch());
    for (std::size_t n = 0; n < layers_.size(); ++n)
      layers_[n].add_initial_state_gradient(d_state.h.at(Index(n)), c_at(d_state, Index(n)));
  }

  /// Makes `state` one of this network's, of unspecified contents.
  void resize(State& state, Index batch) const {
    state.h.resize(config_.output(), batch, depth() * directions());
    state.c.resize(Cell::kHasC ? hidden() : 0, batch, depth() * directions());
  }

  /// x: C x B x T, or tokens and their embeddings (D = C). state: the initial state on entry, the state after each
  /// sequence's end on return. Returns the top layer's outputs, D*P x B x T, which live in `cache`; zeros in padding.
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
    if constexpr (kSupportsWavefront<Device, Cell>)
      if (uses_wavefront()) {
        Rng* const rng = cache.dropped ? &mode.rng() : nullptr;
        recurrent_stack_forward(Device{}, Cell{}, stack(cache), x, state.h, state.c, rng);
        return cache.layers.back().y;
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

  /// Adds to the gradients of all weights. dy: dL/dy, D*P x B x T. d_state: the gradient of the final state on entry
  /// (zero, unless the loss looks at it), that of the initial state on return. The gradient of x: &dx becomes C x B x
  /// T; a matrix dE (C x V), where x is tokens, is added to; null is not wanted. x and cache are those of the forward
  /// pass.
  void backward(const Input& x, const Sequence<Scalar, Device>& dy, Cache& cache, State& d_state,
                const InputGradient<Scalar, Device>& to = {}) {
    require_backward(x, dy, cache, d_state, to);
    RecurrentInputGradient<Scalar, Device> to_x{.dE = to.dE()};
    if (to.dx()) {
      to.dx()->resize(input(), x.batch(), x.time());
      to.dx()->set_lengths(x.extent().lengths);
      to_x.dx = to.dx()->flat();
    }
    if constexpr (kSupportsWavefront<Device, Cell>)
      if (uses_wavefront()) {
        auto all = stack(cache);
        for (auto& layer : layers_) all.gradients.push_back(layer.gradients());
        recurrent_stack_backward(Device{}, Cell{}, all, x, dy, d_state.h, d_state.c, to_x);
        return;
      }
    const auto* d_above = &dy;
    for (std::size_t l = cache.layers.size() - 1;; --l) {
      Input below = x;
      if (l > 0) below = cache.dropped ? std::as_const(cache.dropouts[l - 1].y) : std::as_const(cache.layers[l - 1].y);
      RecurrentInputGradient<Scalar, Device> d_below = to_x;
      if (l > 0) {
        cache.dx_below.resize(output(), x.batch(), x.time());
        cache.dx_below.set_lengths(x.extent().lengths);
        d_below = {.dx = cache.dx_below.flat()};
      }
      run_directions(Device{}, directions(), [&](Index d) {
        const Index s = Index(l) * directions() + d;
        d_below.add = d > 0;  // both directions have the same input
        layer(Index(l), d)
            .backward(below, outputs_of(cache.layers[l].y, d), outputs_of(*d_above, d),
                      cache.layers[l].passes[std::size_t(d)], d_state.h.at(s), c_at(d_state, s), d_below);
      });
      if (l == 0) return;
      if (cache.dropped) dropout_backward(cache.dropouts[l - 1], cache.dx_below);
      std::swap(cache.dx_above, cache.dx_below);
      d_above = &cache.dx_above;
    }
  }

  /// One step: x (C x B) in, the top layer's hidden state (P x B, a part of `state`) out. `scratch` is kept between
  /// calls. Throws shape_error of a bidirectional network, which is not causal.
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

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    for (std::size_t n = 0; n < layers_.size(); ++n) layers_[n].for_each_parameter(f, path, Index(n) / directions());
  }
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

  bool uses_wavefront() const {
    if constexpr (kSupportsWavefront<Device, Cell>)
      return !config_.bidirectional && !config_.drops_within_layers() && wavefront_enabled(Device{}, depth());
    else
      return false;
  }

  RecurrentStack<Scalar, Device> stack(Cache& cache) const {
    RecurrentStack<Scalar, Device> all{layers_[0].options(), {}, {}, cache.layers, cache.dropped ? config_.dropout : 0,
                                       cache.dropouts};
    for (const auto& layer : layers_) all.weights.push_back(layer.weights());
    return all;
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
             std::ranges::equal(y.lengths, x.extent().lengths);
    }
    require_shape(same, who, ": the cache is not that of a forward pass over x, ", x.shape());
    detail::require_state<Cell>("", "::backward", "d_state", d_state, config_, x.batch());
    detail::require_dE(who, x, to.dE(), to.dx() != nullptr);
  }

  RecurrentConfig config_;
  std::vector<Layer> layers_;  // direction d of layer l at l * D + d
};

}  // namespace rondo::inline RONDO_ABI

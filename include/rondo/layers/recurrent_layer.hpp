// SPDX-License-Identifier: MIT
// RecurrentLayer: parameters and passes of one layer in one direction. Most users want Recurrent (recurrent.hpp), which
// stacks these. Legend: C input features, H hidden units, P outputs, G gates of the cell, B batch, T time steps.
#pragma once

#include <rondo/core/mode.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/recurrent_checks.hpp>
#include <rondo/layers/recurrent_config.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/input.hpp>

#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

/// One recurrent layer in one direction.
template <class Cell, class Scalar, class Device = Cpu>
class RecurrentLayer {
 public:
  using Input = RecurrentInput<Scalar, Device>;  ///< features or tokens
  using Cache = RecurrentCache<Scalar, Device>;  ///< saved activations

  /// C is `input`. Weights are uniform in [-1/sqrt(H), 1/sqrt(H)), as in PyTorch; biases are zero, except `forget_bias`
  /// for the forget gate (Jozefowicz, Zaremba, Sutskever 2015 propose 1). Throws shape_error for an invalid
  /// configuration.
  RecurrentLayer(const RecurrentConfig& config, Index input, Direction direction, Rng& rng)
      : shape_(checked_shape(config, input)),
        options_{direction, config.precision, config.zoneout_h, Cell::kHasC ? config.zoneout_c : 0,
                 config.recurrent_dropout},
        weight_dropout_(config.weight_dropout),
        W_(Cell::kGates * config.hidden, input),
        R_(Cell::kGates * config.hidden, config.output()),
        b_(config.bias ? Cell::kGates * config.hidden : 0, 1, ParameterKind::bias),
        b_R_(config.bias && Cell::kRecurrentBias ? Cell::kGates * config.hidden : 0, 1, ParameterKind::bias),
        projection_(config.projection, config.hidden),
        peepholes_(Cell::kPeepholeCount > 0 ? config.hidden : 0, Cell::kPeepholeCount),
        norm_x_(config.layer_norm ? Cell::kGates * config.hidden : 0, 1, ParameterKind::bias),
        norm_h_(config.layer_norm ? Cell::kGates * config.hidden : 0, 1, ParameterKind::bias),
        norm_c_(config.layer_norm && Cell::kHasC ? config.hidden : 0, 2),
        h0_(config.learned_initial_state ? config.output() : 0, 1, ParameterKind::bias),
        c0_(config.learned_initial_state && Cell::kHasC ? config.hidden : 0, 1, ParameterKind::bias) {
    const double bound = 1 / std::sqrt(static_cast<double>(config.hidden));
    set_from_host(Device{}, W_.value(), [&](auto W) { initialise_uniform(W, bound, rng); });
    set_from_host(Device{}, R_.value(), [&](auto R) { initialise_uniform(R, bound, rng); });
    if (projection_.size() > 0)
      set_from_host(Device{}, projection_.value(), [&](auto p) { initialise_uniform(p, bound, rng); });
    if (peepholes_.size() > 0)
      set_from_host(Device{}, peepholes_.value(), [&](auto p) { initialise_uniform(p, bound, rng); });
    for (auto* gain : {&norm_x_, &norm_h_, &norm_c_})
      if (gain->size() > 0) fill(Device{}, gain->value().columns(0, 1), Scalar(1));
    if constexpr (Cell::kForgetGate >= 0)
      if (config.bias)
        fill(Device{}, b_.value().row_block(Cell::kForgetGate * config.hidden, config.hidden),
             static_cast<Scalar>(config.forget_bias));
  }

  const RecurrentShape& shape() const { return shape_; }   ///< sizes
  Index input() const { return shape_.input; }             ///< C
  Index hidden() const { return shape_.hidden; }           ///< H
  const PassOptions& options() const { return options_; }  ///< options of its passes
  /// Options for inference, without recurrent dropout, so that packed kernels may run.
  PassOptions inference_options() const {
    PassOptions options = options_;
    options.recurrent_dropout = 0;
    return options;
  }

  Parameter<Scalar, Device>& W() { return W_; }      ///< input weights, GH x C
  Parameter<Scalar, Device>& R() { return R_; }      ///< recurrent weights, GH x P
  Parameter<Scalar, Device>& b() { return b_; }      ///< bias, GH x 1; empty without bias
  Parameter<Scalar, Device>& b_R() { return b_R_; }  ///< recurrent bias, GH x 1; empty unless the cell has one
  Parameter<Scalar, Device>& projection() { return projection_; }  ///< P x H, or empty

  /// x: C x B x T. h (P x B) and c (H x B), in/out: initial state on entry, state after each sequence's end on return;
  /// a cell without c ignores c. y: P x B x T, with the lengths of x, is set to the outputs. Throws shape_error.
  void forward(const Input& x, MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y, Cache& cache,
               Mode mode) const {
    const detail::EntryPoint who{Cell::kName, "Layer", "::forward"};
    detail::require_input(who, x, input());
    require_state(who, "h", h, "c", c, x.batch());
    detail::require_outputs(who, "y", y, shape_.output, x.extent());
    cache.template resize<Cell>(shape_, x.extent(), options_.precision);
    copy(Device{}, h, cache.h0.at(0));
    if constexpr (Cell::kHasC) copy(Device{}, c, cache.c0.at(0));
    cache.R_dropped = mode.training() && weight_dropout_ > 0;  // (41)
    if (cache.R_dropped) {
      for (auto* s : {&cache.R_mask, &cache.R}) s->resize(R_.rows(), R_.cols(), 1);
      dropout_forward(Device{}, weight_dropout_, mode.rng(), R_.value(), cache.R_mask.flat(), cache.R.flat());
    }
    const auto draw = [&](double p, Index rows, Index time, Sequence<Scalar, Device>& mask) {
      mask.resize(mode.training() && p > 0 ? rows : 0, x.batch(), time);
      if (mask.size() > 0) draw_mask(p, mode.rng(), mask, cache.scratch);
    };
    draw(options_.recurrent_dropout, shape_.output, 1, cache.h_mask);
    draw(options_.zoneout_h, shape_.output, x.time(), cache.zoneout_mask_h);
    draw(options_.zoneout_c, shape_.hidden, x.time(), cache.zoneout_mask_c);
    recurrent_forward(Device{}, Cell{}, options_, weights(cache), x, y, cache);
    recurrent_final_state(Device{}, Cell{}, options_.direction, SequenceView<const Scalar>(y), cache, h, c);
  }

  /// Adds to the gradients of the weights. dy: dL/dy, P x B x T. dh (P x B) and dc (H x B), in/out: gradient of the
  /// final state on entry, of the initial state on return. `to`: destination of the gradient of x. x, y and cache are
  /// those of the forward pass. Throws shape_error.
  void backward(const Input& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy, Cache& cache,
                MatrixView<Scalar> dh, MatrixView<Scalar> dc, const RecurrentInputGradient<Scalar, Device>& to) {
    const detail::EntryPoint who{Cell::kName, "Layer", "::backward"};
    detail::require_input(who, x, input());
    detail::require_outputs(who, "y", y, shape_.output, x.extent());
    detail::require_beside(who, "dy", dy, shape_.output, x.extent());
    detail::require_cache<Cell>(who, cache, weights(), options_, x.extent());
    require_state(who, "dh", dh, "dc", dc, x.batch());
    detail::require_dE(who, x, to.dE, to.to_features());
    if (to.to_features()) detail::require_matrix(who, "dx", to.dx, input(), x.batch() * x.time(), "C x B*T");
    RecurrentWeights<Scalar> grad = gradients();
    if (cache.R_dropped) {
      cache.dR.resize(R_.rows(), R_.cols(), 1);
      fill(Device{}, cache.dR.flat(), 0);
      grad.R = cache.dR.flat();
    }
    recurrent_backward(Device{}, Cell{}, options_, weights(cache), x, y, dy, cache, grad, dh, dc, to);
    if (cache.R_dropped) {  // forward: R under the mask
      dropout_backward(Device{}, cache.R_mask.flat(), cache.dR.flat());
      add(Device{}, std::as_const(cache.dR).flat(), R_.grad());
    }
  }

  /// One step without saved activations. x: C x B; h (P x B) and c (H x B), in/out. Throws shape_error.
  void step(MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
            StepScratch<Scalar, Device>& scratch) const {
    const detail::EntryPoint who{Cell::kName, "Layer", "::step"};
    detail::require_matrix(who, "x", x, input(), x.cols, "C x B");
    require_state(who, "h", h, "c", c, x.cols);
    recurrent_step(Device{}, Cell{}, options_, weights(), x, h, c, scratch);
  }

  // ---- trained initial state, if the layer has one

  /// Sets every column of h (P x B) and c (H x B) to the trained initial state, if there is one. Throws shape_error.
  void set_initial_state(MatrixView<Scalar> h, MatrixView<Scalar> c) const {
    require_state({Cell::kName, "Layer", "::set_initial_state"}, "h", h, "c", c, h.cols);
    if (h0_.size() > 0) set_columns(Device{}, h, h0_.value());
    if (c0_.size() > 0) set_columns(Device{}, c, c0_.value());
  }

  /// Adds the sum over the batch of dh (P x B) and dc (H x B) to the gradient of the trained initial state. Throws
  /// shape_error.
  void add_initial_state_gradient(MatrixView<const Scalar> dh, MatrixView<const Scalar> dc) {
    require_state({Cell::kName, "Layer", "::add_initial_state_gradient"}, "dh", dh, "dc", dc, dh.cols);
    if (h0_.size() > 0) add_columns(Device{}, dh, h0_.grad());
    if (c0_.size() > 0) add_columns(Device{}, dc, c0_.grad());
  }

  /// Views of all weights, read-only.
  RecurrentWeights<const Scalar> weights() const {
    RecurrentWeights<const Scalar> all{.shape = shape_};
    for_each_tensor(*this, [&](const char*, const auto& p, auto view) { all.*view = p.value(); });
    return all;
  }

  /// Views of the gradients of all weights.
  RecurrentWeights<Scalar> gradients() {
    RecurrentWeights<Scalar> all{.shape = shape_};
    for_each_tensor(*this, [&](const char*, auto& p, auto view) { all.*view = p.grad(); });
    return all;
  }

  /// Calls f(path, parameter) for the weights, under the names of layer `l` in PyTorch. A cell that needs only the sum
  /// of PyTorch's two biases has one parameter for the sum; io/weights.hpp converts files.
  template <class F>
  void for_each_parameter(F&& f, const Path& path, Index l) {
    visit(*this, f, path, l);
  }
  /// Calls f(path, parameter) for the weights, read-only.
  template <class F>
  void for_each_parameter(F&& f, const Path& path, Index l) const {
    visit(*this, f, path, l);
  }
  /// Calls f(parameter), read-only, for the parameters whose gradients backward() completes: all but the trained
  /// initial state.
  template <class F>
  void for_each_weight(F&& f) const {
    for_each_tensor(*this, [&](const char*, const auto& p, auto) { f(p); });
  }

 private:
  static RecurrentShape checked_shape(const RecurrentConfig& config, Index input) {
    RecurrentConfig own = config;  // its input may be that of another layer
    own.input = input;
    own.check(Cell::kName);
    require_shape(config.projection == 0 || Cell::kHasC, Cell::kName, ": this cell has no projection");
    require_shape(config.zoneout_c == 0 || Cell::kHasC, Cell::kName, ": this cell has no c for zoneout_c");
    return {input, config.hidden, config.output(), Cell::kGates};
  }

  void require_state(const detail::EntryPoint& who, const char* h_name, MatrixView<const Scalar> h, const char* c_name,
                     MatrixView<const Scalar> c, Index batch) const {
    detail::require_matrix(who, h_name, h, shape_.output, batch, "P x B");
    if constexpr (Cell::kHasC) detail::require_matrix(who, c_name, c, shape_.hidden, batch, "H x B");
  }

  /// The weights that the pass with this cache uses.
  RecurrentWeights<const Scalar> weights(const Cache& cache) const {
    RecurrentWeights<const Scalar> all = weights();
    if (cache.R_dropped) all.R = cache.R.flat();
    return all;
  }

  template <class Self, class F>
  static void visit(Self& self, F& f, const Path& path, Index l) {
    const std::string_view suffix = self.options_.direction == Direction::reverse ? "_reverse" : "";
    const auto show = [&](const char* name, auto& p) { f((path / name + l).with_suffix(suffix), p); };
    for_each_tensor(self, [&](const char* name, auto& p, auto) { show(name, p); });
    if (self.h0_.size() > 0) show("h0_l", self.h0_);
    if (self.c0_.size() > 0) show("c0_l", self.c0_);
  }

  /// Calls f(name, parameter, pointer to its view in RecurrentWeights) for every tensor of the layer: the only list.
  template <class Self, class F>
  static void for_each_tensor(Self& self, F&& f) {
    const auto show = [&](const char* name, auto& p, auto view) {
      if (p.size() > 0) f(name, p, view);
    };
    using View = RecurrentWeights<std::conditional_t<std::is_const_v<Self>, const Scalar, Scalar>>;
    show("weight_ih_l", self.W_, &View::W);
    show("weight_hh_l", self.R_, &View::R);
    show("bias_ih_l", self.b_, &View::b);
    show("bias_hh_l", self.b_R_, &View::b_R);
    show("weight_hr_l", self.projection_, &View::projection);
    show("peephole_l", self.peepholes_, &View::peepholes);
    show("norm_ih_l", self.norm_x_, &View::norm_x);
    show("norm_hh_l", self.norm_h_, &View::norm_h);
    show("norm_c_l", self.norm_c_, &View::norm_c);
  }

  RecurrentShape shape_;
  PassOptions options_;
  double weight_dropout_;
  Parameter<Scalar, Device> W_;                // GH x C
  Parameter<Scalar, Device> R_;                // GH x P
  Parameter<Scalar, Device> b_;                // GH x 1
  Parameter<Scalar, Device> b_R_;              // GH x 1
  Parameter<Scalar, Device> projection_;       // P x H
  Parameter<Scalar, Device> peepholes_;        // H x 2 or 3
  Parameter<Scalar, Device> norm_x_, norm_h_;  // GH x 1
  Parameter<Scalar, Device> norm_c_;           // H x 2
  Parameter<Scalar, Device> h0_, c0_;          // P x 1, H x 1: the trained initial state
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// RecurrentLayer: one layer in one direction: its parameters and what can be done with them. Users mostly want
// Recurrent (recurrent.hpp), which stacks these. Legend: C input features, H hidden units, P outputs, G gates of the
// cell, B batch, T time steps.
#pragma once

#include <rondo/core/mode.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/recurrent_cache.hpp>
#include <rondo/core/recurrent_input.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/recurrent_config.hpp>

#include <cmath>
#include <string_view>

namespace rondo::inline v0 {

template <class Cell, class Scalar, class Device = Cpu>
class RecurrentLayer {
 public:
  using Input = RecurrentInput<Scalar, Device>;
  using Cache = RecurrentCache<Scalar, Device>;

  /// Weights uniform in +-1/sqrt(H), as PyTorch; biases zero, but `forget_bias` for a forget gate (Jozefowicz, Zaremba,
  /// Sutskever 2015: start at 1, so that a fresh cell remembers).
  RecurrentLayer(const RecurrentConfig& config, Index input, Direction direction, Rng& rng)
      : shape_{input, config.hidden, config.output(), Cell::kGates},
        options_{direction, config.precision},
        W_(Cell::kGates * config.hidden, input),
        R_(Cell::kGates * config.hidden, config.output()),
        b_(config.bias ? Cell::kGates * config.hidden : 0, 1, TorchShape::vector),
        b_R_(config.bias && Cell::kRecurrentBias ? Cell::kGates * config.hidden : 0, 1, TorchShape::vector),
        projection_(config.projection, config.hidden),
        peepholes_(Cell::kPeepholeCount > 0 ? config.hidden : 0, Cell::kPeepholeCount) {
    const double bound = 1 / std::sqrt(static_cast<double>(config.hidden));
    set_from_host(Device{}, W_.value(), [&](auto W) { initialise_uniform(W, bound, rng); });
    set_from_host(Device{}, R_.value(), [&](auto R) { initialise_uniform(R, bound, rng); });
    if (projection_.size() > 0)
      set_from_host(Device{}, projection_.value(), [&](auto p) { initialise_uniform(p, bound, rng); });
    if (peepholes_.size() > 0)
      set_from_host(Device{}, peepholes_.value(), [&](auto p) { initialise_uniform(p, bound, rng); });
    if constexpr (Cell::kForgetGate >= 0)
      if (config.bias)
        fill(Device{}, b_.value().row_block(Cell::kForgetGate * config.hidden, config.hidden),
             static_cast<Scalar>(config.forget_bias));
  }

  const RecurrentShape& shape() const { return shape_; }
  Index input() const { return shape_.input; }
  Index hidden() const { return shape_.hidden; }
  const PassOptions& options() const { return options_; }

  Parameter<Scalar, Device>& W() { return W_; }
  Parameter<Scalar, Device>& R() { return R_; }
  Parameter<Scalar, Device>& b() { return b_; }                    // empty without bias
  Parameter<Scalar, Device>& b_R() { return b_R_; }                // empty unless the cell has one
  Parameter<Scalar, Device>& projection() { return projection_; }  // P x H, or empty

  /// Runs over x (C x B x T) from the state h (P x B), c (H x B) and leaves the state after each sequence's end there.
  /// y becomes the outputs, P x B x T.
  void forward(const Input& x, MatrixView<Scalar> h, MatrixView<Scalar> c, SequenceView<Scalar> y, Cache& cache) const {
    cache.template resize<Cell>(shape_, x.extent());
    copy(Device{}, h, cache.h0.at(0));
    if constexpr (Cell::kHasC) copy(Device{}, c, cache.c0.at(0));
    recurrent_forward(Device{}, Cell{}, options_, weights(), x, y, cache);
    recurrent_final_state(Device{}, Cell{}, options_.direction, SequenceView<const Scalar>(y), cache, h, c);
  }

  /// Adds to the gradients of the weights. dy is dL/dy; dh, dc come in as gradients of the final state and leave as
  /// gradients of the initial one; the gradient of x goes where `to` says. x, y and cache are those of the forward
  /// pass.
  void backward(const Input& x, SequenceView<Scalar> y, SequenceView<const Scalar> dy, Cache& cache,
                MatrixView<Scalar> dh, MatrixView<Scalar> dc, const RecurrentInputGradient<Scalar, Device>& to) {
    recurrent_backward(Device{}, Cell{}, options_, weights(), x, y, dy, cache, gradients(), dh, dc, to);
  }

  /// One step without memory for backward: h, c become the next state.
  void step(MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c,
            StepScratch<Scalar, Device>& scratch) const {
    recurrent_step(Device{}, Cell{}, options_, weights(), x, h, c, scratch);
  }

  /// All of them to look at.
  RecurrentWeights<const Scalar> weights() const {
    RecurrentWeights<const Scalar> all{.shape = shape_};
    for_each_tensor(*this, [&](const char*, const auto& p, auto&& view_in) { view_in(all) = p.value(); });
    return all;
  }

  RecurrentWeights<Scalar> gradients() {
    RecurrentWeights<Scalar> all{.shape = shape_};
    for_each_tensor(*this, [&](const char*, auto& p, auto&& view_in) { view_in(all) = p.grad(); });
    return all;
  }

  /// f(path, parameter) for the weights, under the names that PyTorch gives to those of layer `l`. Where only the sum
  /// of PyTorch's two biases counts we have the sum, and io/weights.hpp sees to files.
  template <class F>
  void for_each_parameter(F&& f, const Path& path, Index l) {
    visit(*this, f, path, l);
  }
  template <class F>
  void for_each_parameter(F&& f, const Path& path, Index l) const {
    visit(*this, f, path, l);
  }

 private:
  template <class Self, class F>
  static void visit(Self& self, F& f, const Path& path, Index l) {
    const std::string_view suffix = self.options_.direction == Direction::reverse ? "_reverse" : "";
    for_each_tensor(self, [&](const char* name, auto& p, auto&&) { f((path / name + l).with_suffix(suffix), p); });
  }

  /// f(name, parameter, the view of it in RecurrentWeights) for every tensor that the layer has: the one list of them.
  template <class Self, class F>
  static void for_each_tensor(Self& self, F&& f) {
    const auto show = [&](const char* name, auto& p, auto&& view_in) {
      if (p.size() > 0) f(name, p, view_in);
    };
    show(
        "weight_ih_l", self.W_, [](auto& all) -> auto& { return all.W; });
    show(
        "weight_hh_l", self.R_, [](auto& all) -> auto& { return all.R; });
    show(
        "bias_ih_l", self.b_, [](auto& all) -> auto& { return all.b; });
    show(
        "bias_hh_l", self.b_R_, [](auto& all) -> auto& { return all.b_R; });
    show(
        "weight_hr_l", self.projection_, [](auto& all) -> auto& { return all.projection; });
    show(
        "peephole_l", self.peepholes_, [](auto& all) -> auto& { return all.peepholes; });
  }

  RecurrentShape shape_;
  PassOptions options_;
  Parameter<Scalar, Device> W_;           // GH x C
  Parameter<Scalar, Device> R_;           // GH x P
  Parameter<Scalar, Device> b_;           // GH x 1
  Parameter<Scalar, Device> b_R_;         // GH x 1
  Parameter<Scalar, Device> projection_;  // P x H
  Parameter<Scalar, Device> peepholes_;   // H x 2 or 3
};

}  // namespace rondo::inline v0

// SPDX-License-Identifier: MIT
// Linear: y = W x + b at every step of a sequence, or of one state, as many-to-one models have it. Legend: C input
// features, K output features, B batch, T steps.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/initialise.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

struct LinearConfig {
  Index input = 0;   // C
  Index output = 0;  // K
  bool bias = true;  // without: y = W x, and no parameter "bias"
};

template <class Scalar, class Device = Cpu>
class Linear {
 public:
  /// Weights uniform in +-1/sqrt(C), bias zero. Throws shape_error unless C and K are positive.
  Linear(const LinearConfig& config, Rng& rng)
      : W_(checked(config).output, config.input), b_(config.output, 1, ParameterKind::bias), has_bias_(config.bias) {
    const double bound = 1 / std::sqrt(static_cast<double>(config.input));
    set_from_host(Device{}, W_.value(), [&](auto W) { initialise_uniform(W, bound, rng); });
  }
  Linear(Index input, Index output, Rng& rng) : Linear(LinearConfig{input, output}, rng) {}

  Index input() const { return W_.cols(); }
  Index output() const { return W_.rows(); }
  bool has_bias() const { return has_bias_; }
  Parameter<Scalar, Device>& W() { return W_; }
  /// Zeros that nobody learns in a layer without bias.
  Parameter<Scalar, Device>& b() { return b_; }
  /// W (K x C) and b (K x 1) to look at.
  MatrixView<const Scalar> weight() const { return W_.value(); }
  MatrixView<const Scalar> bias() const { return b_.value(); }

  /// x: C x B x T. y becomes K x B x T; zeros in padding.
  void forward(const Sequence<Scalar, Device>& x, Sequence<Scalar, Device>& y) const {
    require_shape(x.features() == input(), "Linear::forward: x is ", x.shape(), ", this layer wants C = ", input());
    y.resize_like(x, output());
    if (x.ragged()) fill(Device{}, y.flat(), 0);
    for_each_active_run(
        x, [&](Index first, Index count) { apply(x.flat().columns(first, count), y.flat().columns(first, count)); });
  }

  /// The same of one state or step: x is C x B, y K x B.
  void forward(MatrixView<const Scalar> x, MatrixView<Scalar> y) const {
    require_step("Linear::forward", "x", x, input(), x.cols);
    require_step("Linear::forward", "y", y, output(), x.cols);
    apply(x, y);
  }

  /// The same, under the name that it has in layers with a state.
  void step(MatrixView<const Scalar> x, MatrixView<Scalar> y) const {
    require_step("Linear::step", "x", x, input(), x.cols);
    require_step("Linear::step", "y", y, output(), x.cols);
    apply(x, y);
  }

  /// Adds to the gradients of W and b; writes dx (C x B x T) unless it is null. x is that of the forward pass. dy is
  /// zero in padding.
  void backward(const Sequence<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Sequence<Scalar, Device>* dx) {
    require_shape(x.features() == input(), "Linear::backward: x is ", x.shape(), ", this layer wants C = ", input());
    require_shape(dy.features() == output() && dy.batch() == x.batch() && dy.time() == x.time(),
                  "Linear::backward: dy is ", dy.shape(), ", wanted K = ", output(), " and the B and T of x, ",
                  x.shape());
    if (dx) {
      dx->resize_like(x, input());
      fill(Device{}, dx->flat(), 0);
    }
    for_each_active_run(x, [&](Index first, Index count) {
      apply_backward(x.flat().columns(first, count), dy.flat().columns(first, count),
                     dx ? dx->flat().columns(first, count) : MatrixView<Scalar>{});
    });
  }

  /// The same of one state or step: x is C x B, dy K x B, and dx C x B, not written where it has no data.
  void backward(MatrixView<const Scalar> x, MatrixView<const Scalar> dy, MatrixView<Scalar> dx = {}) {
    require_step("Linear::backward", "x", x, input(), x.cols);
    require_step("Linear::backward", "dy", dy, output(), x.cols);
    if (dx.data) {
      require_step("Linear::backward", "dx", dx, input(), x.cols);
      fill(Device{}, dx, 0);
    }
    apply_backward(x, dy, dx);
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
    f(path / "weight", self.W_);
    if (self.has_bias_) f(path / "bias", self.b_);
  }

  static const LinearConfig& checked(const LinearConfig& config) {
    require_shape(config.input > 0 && config.output > 0, "Linear: C = ", config.input, ", K = ", config.output,
                  ", wanted positive numbers");
    return config;
  }

  static void require_step(const char* who, const char* what, MatrixView<const Scalar> a, Index rows, Index batch) {
    require_shape(a.rows == rows && a.cols == batch, who, ": ", what, " is ", a.rows, " x ", a.cols, ", wanted ", rows,
                  " x ", batch);
  }

  void apply(MatrixView<const Scalar> x, MatrixView<Scalar> y) const {
    set_columns(Device{}, y, b_.value());
    gemm(Device{}, Op::none, Op::none, W_.value(), x, y);
  }

  /// dx, where there is one, is zero on entry.
  void apply_backward(MatrixView<const Scalar> x, MatrixView<const Scalar> dy, MatrixView<Scalar> dx) {
    gemm(Device{}, Op::none, Op::transpose, dy, x, W_.grad());  // forward: y = W x + b
    if (has_bias_) add_columns(Device{}, dy, b_.grad());
    if (dx.data) gemm(Device{}, Op::transpose, Op::none, W_.value(), dy, dx);
  }

  Parameter<Scalar, Device> W_;  // K x C
  Parameter<Scalar, Device> b_;  // K x 1
  bool has_bias_;
};

}  // namespace rondo::inline RONDO_ABI

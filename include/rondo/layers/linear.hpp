// SPDX-License-Identifier: MIT
// Linear: y = W x + b at every step. Legend: C input features, K output features, B batch, T steps.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/initialise.hpp>

#include <cmath>

namespace rondo::inline v0 {

template <class Scalar, class Device = Cpu>
class Linear {
 public:
  /// Weights uniform in +-1/sqrt(C), bias zero.
  Linear(Index input, Index output, Rng& rng) : W_(output, input), b_(output, 1, TorchShape::vector) {
    const double bound = 1 / std::sqrt(static_cast<double>(input));
    set_from_host(Device{}, W_.value(), [&](auto W) { initialise_uniform(W, bound, rng); });
  }

  Index input() const { return W_.cols(); }
  Index output() const { return W_.rows(); }
  Parameter<Scalar, Device>& W() { return W_; }
  Parameter<Scalar, Device>& b() { return b_; }
  /// W (K x C) and b (K x 1) to look at.
  MatrixView<const Scalar> weight() const { return W_.value(); }
  MatrixView<const Scalar> bias() const { return b_.value(); }

  /// x: C x B x T. y becomes K x B x T; zeros in padding.
  void forward(const Sequence<Scalar, Device>& x, Sequence<Scalar, Device>& y) const {
    require_shape(x.features() == input(), "Linear::forward: x is ", x.shape(), ", this layer wants C = ", input());
    y.resize_like(x, output());
    if (x.ragged()) fill(Device{}, y.flat(), 0);
    for_each_active_run(x, [&](Index first, Index count) {
      const auto out = y.flat().columns(first, count);
      set_columns(Device{}, out, b_.value());
      gemm(Device{}, Op::none, Op::none, W_.value(), x.flat().columns(first, count), out);
    });
  }

  /// y (K x B) of one step.
  void step(MatrixView<const Scalar> x, MatrixView<Scalar> y) const {
    set_columns(Device{}, y, b_.value());
    gemm(Device{}, Op::none, Op::none, W_.value(), x, y);
  }

  /// Adds to the gradients of W and b; writes dx (C x B x T) unless it is null. dy is zero in padding.
  void backward(const Sequence<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Sequence<Scalar, Device>* dx) {
    require_shape(dy.features() == output() && dy.batch() == x.batch() && dy.time() == x.time(),
                  "Linear::backward: dy is ", dy.shape(), ", wanted K = ", output(), " and the B and T of x, ",
                  x.shape());
    if (dx) {
      dx->resize_like(x, input());
      fill(Device{}, dx->flat(), 0);
    }
    for_each_active_run(x, [&](Index first, Index count) {
      const auto d = dy.flat().columns(first, count);
      gemm(Device{}, Op::none, Op::transpose, d, x.flat().columns(first, count), W_.grad());  // forward: y = W x + b
      add_columns(Device{}, d, b_.grad());
      if (dx) gemm(Device{}, Op::transpose, Op::none, W_.value(), d, dx->flat().columns(first, count));
    });
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
    f(path / "bias", self.b_);
  }

  Parameter<Scalar, Device> W_;  // K x C
  Parameter<Scalar, Device> b_;  // K x 1
};

}  // namespace rondo::inline v0

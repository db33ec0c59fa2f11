// SPDX-License-Identifier: MIT
// LstmLayer: one layer of LSTM, its three parameters and what can be done with them. Users mostly want Lstm (lstm.hpp),
// which stacks these. Legend: C input features, H hidden units, B batch, T time steps.
#pragma once

#include <rondo/core/lstm_cache.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/precision.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/lstm.hpp>
#include <rondo/layers/initialise.hpp>

#include <cmath>

namespace rondo::inline v0 {

template <class Scalar, class Device = Cpu>
class LstmLayer {
 public:
  using Cache = LstmLayerCache<Scalar, Device>;

  /// Weights uniform in +-1/sqrt(H), as torch.nn.LSTM; bias zero, but `forget_bias` for the forget gate
  /// (Jozefowicz, Zaremba, Sutskever 2015: start at 1, so that a fresh cell remembers).
  LstmLayer(Index input, Index hidden, double forget_bias, Rng& rng, Precision precision = Precision::fp32)
      : W_(4 * hidden, input), R_(4 * hidden, hidden), b_(4 * hidden, 1, TorchShape::vector), precision_(precision) {
    const double bound = 1 / std::sqrt(static_cast<double>(hidden));
    set_from_host(Device{}, W_.value(), [&](auto W) { initialise_uniform(W, bound, rng); });
    set_from_host(Device{}, R_.value(), [&](auto R) { initialise_uniform(R, bound, rng); });
    fill(Device{}, b_.value().row_block(hidden, hidden), static_cast<Scalar>(forget_bias));
  }

  Index input() const { return W_.cols(); }
  Index hidden() const { return R_.cols(); }

  Parameter<Scalar, Device>& W() { return W_; }
  Parameter<Scalar, Device>& R() { return R_; }
  Parameter<Scalar, Device>& b() { return b_; }

  /// Runs over x (C x B x T) from the state h, c (H x B) and leaves the state after each sequence's end there.
  /// Returns the outputs, H x B x T, which live in `cache`.
  const Sequence<Scalar, Device>& forward(const Sequence<Scalar, Device>& x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                                          Cache& cache) const {
    cache.resize(hidden(), x.batch(), x.time(), x.lengths());
    return forward_over(x, h, c, cache);
  }

  /// The same over tokens.
  const Sequence<Scalar, Device>& forward(const TokenInput<Scalar, Device>& x, MatrixView<Scalar> h,
                                          MatrixView<Scalar> c, Cache& cache) const {
    cache.resize(hidden(), x.batch, x.time);
    return forward_over(x, h, c, cache);
  }

  /// Adds to the gradients of W, R, b. dy is dL/dy; dh, dc (H x B) come in as gradients of the final state and leave as
  /// gradients of the initial one; dx is written unless null. x and cache are those of the forward pass.
  void backward(const Sequence<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Cache& cache,
                MatrixView<Scalar> dh, MatrixView<Scalar> dc, Sequence<Scalar, Device>* dx) {
    if (dx) dx->resize_like(x, x.features());
    lstm_backward(Device{}, precision_, weights(), x, dy, cache, gradients(), dh, dc, dx);
  }

  /// The same over tokens: adds to dE, the gradient of their embeddings (D x V).
  void backward(const TokenInput<Scalar, Device>& x, const Sequence<Scalar, Device>& dy, Cache& cache,
                MatrixView<Scalar> dh, MatrixView<Scalar> dc, MatrixView<Scalar> dE) {
    lstm_backward(Device{}, precision_, weights(), x, dy, cache, gradients(), dh, dc, dE);
  }

  /// One step without memory for backward: h, c (H x B) become the next state. z is 4H x B of scratch.
  void step(MatrixView<const Scalar> x, MatrixView<Scalar> h, MatrixView<Scalar> c, MatrixView<Scalar> z) const {
    set_columns(Device{}, z, b_.value());
    gemm(Device{}, Op::none, Op::none, W_.value(), x, z);
    gemm(Device{}, Op::none, Op::none, R_.value(), h, z);
    lstm_step_cells(Device{}, z, c, h);
  }

  /// The three of them to look at.
  LstmWeights<const Scalar> weights() const { return {W_.value(), R_.value(), b_.value()}; }

  LstmWeights<Scalar> gradients() { return {W_.grad(), R_.grad(), b_.grad()}; }

  /// f(path, parameter) for the weights, under the names that torch.nn.LSTM gives to layer `l`. Its two biases only
  /// ever appear as a sum; we have the sum, and io/weights.hpp sees to files.
  template <class F>
  void for_each_parameter(F&& f, const Path& path, Index l) {
    f(path / "weight_ih_l" + l, W_);
    f(path / "weight_hh_l" + l, R_);
    f(path / "bias_ih_l" + l, b_);
  }

 private:
  template <class Input>
  const Sequence<Scalar, Device>& forward_over(const Input& x, MatrixView<Scalar> h, MatrixView<Scalar> c,
                                               Cache& cache) const {
    copy(Device{}, h, cache.h0.at(0));
    copy(Device{}, c, cache.c0.at(0));
    lstm_forward(Device{}, precision_, weights(), x, cache);
    lstm_final_state(Device{}, cache, h, c);
    return cache.y;
  }

  Parameter<Scalar, Device> W_;  // 4H x C
  Parameter<Scalar, Device> R_;  // 4H x H
  Parameter<Scalar, Device> b_;  // 4H x 1
  Precision precision_;
};

}  // namespace rondo::inline v0

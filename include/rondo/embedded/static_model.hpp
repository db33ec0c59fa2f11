// SPDX-License-Identifier: MIT
// The other modules of a model, and the self-test of a header that `rondo convert model weights.hpp` writes. Each
// module has step(x), whose result is valid until the next step. Legend: C inputs, K outputs, T steps.
#pragma once

#include <rondo/embedded/functions.hpp>
#include <rondo/embedded/static_recurrent.hpp>
#include <rondo/embedded/weights.hpp>

#include <stddef.h>

namespace rondo::inline v0::embedded {

/// y = W x + b.
template <size_t C, size_t K>
class StaticLinear {
 public:
  /// Refers to `weights`, which must outlive it.
  constexpr explicit StaticLinear(const StaticLinearWeights<C, K>& weights) : weights_(&weights) {}
  explicit StaticLinear(const StaticLinearWeights<C, K>&& weights) = delete;

  /// x: C values. Returns K values.
  constexpr const float (&step(const float (&x)[C]))[K] {
    for (size_t k = 0; k < K; ++k) {
      float sum[4] = {weights_->b[k], 0, 0, 0};  // four sums do not wait for each other
      for (size_t n = 0; n < C; ++n) sum[n % 4] += weights_->W[k][n] * x[n];
      y_[k] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    return y_;
  }

 private:
  const StaticLinearWeights<C, K>* weights_;
  float y_[K] = {};
};

/// y = tanh(x).
struct Tanh {
  constexpr float operator()(float x) const { return tanh(Fraction(x)); }  ///< of one element
};
/// y = sigmoid(x).
struct Sigmoid {
  constexpr float operator()(float x) const { return sigmoid(Fraction(x)); }  ///< of one element
};
/// y = max(x, 0).
struct Relu {
  constexpr float operator()(float x) const { return x < 0 ? 0 : x; }  ///< of one element
};
/// y = factor * x.
struct Gain {
  float factor;                                                     ///< of the amplitude
  constexpr float operator()(float x) const { return factor * x; }  ///< of one element
};

/// y = f(x) for each of C elements.
template <size_t C, class F>
class StaticElements {
 public:
  /// f is copied.
  constexpr explicit StaticElements(F f = F{}) : f_(f) {}
  /// x: C values. Returns C values.
  constexpr const float (&step(const float (&x)[C]))[C] {
    for (size_t n = 0; n < C; ++n) y_[n] = f_(x[n]);
    return y_;
  }

 private:
  F f_;
  float y_[C] = {};
};

/// A skip connection: y = x + the first C of the values `start`.
template <size_t C>
class StaticSkip {
 public:
  /// x: C values, start: at least C values. Returns C values.
  template <size_t N>
  constexpr const float (&step(const float (&x)[C], const float (&start)[N]))[C] {
    static_assert(N >= C, "a skip connection starts at a point with at least as many values");
    for (size_t n = 0; n < C; ++n) y_[n] = x[n] + start[n];
    return y_;
  }

 private:
  float y_[C] = {};
};

/// Inputs, and the outputs that a model computes for them from its initial state.
template <size_t C, size_t K, size_t T>
struct SelfTest {
  float x[T][C];    ///< inputs
  float y[T][K];    ///< expected outputs, computed in double
  float tolerance;  ///< largest difference that is accepted
};

/// The largest difference between expected and computed outputs; NaN counts as infinity. Resets the model before and
/// after.
template <class Model, size_t C, size_t K, size_t T>
constexpr float self_test_difference(Model& model, const SelfTest<C, K, T>& test) {
  float worst = 0;
  model.reset();
  for (size_t t = 0; t < T; ++t) {
    const float(&y)[K] = model.step(test.x[t]);
    for (size_t k = 0; k < K; ++k) {
      float difference = y[k] - test.y[t][k];
      difference = difference < 0 ? -difference : difference;
      if (!(difference <= worst)) worst = difference == difference ? difference : __builtin_inff();
    }
  }
  model.reset();
  return worst;
}

}  // namespace rondo::inline v0::embedded

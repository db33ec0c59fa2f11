// SPDX-License-Identifier: MIT
// tanh and sigmoid without libm, as fractions: the cells combine fractions, and divide twice where they would divide
// five times. A Cortex-M7 needs more than ten cycles for a division.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline v0::embedded {

/// A number n / d whose division is still to be done. The value type of the equations of a cell (math/cells).
struct Fraction {
  float n = 0;  ///< numerator
  float d = 1;  ///< denominator, positive

  constexpr Fraction() = default;
  constexpr Fraction(float value) : n(value) {}                                             ///< value / 1
  constexpr Fraction(float numerator, float denominator) : n(numerator), d(denominator) {}  ///< n / d
  constexpr operator float() const { return n / d; }                                        ///< divides

  friend constexpr Fraction operator*(Fraction a, Fraction b) { return {a.n * b.n, a.d * b.d}; }  ///< a b
  friend constexpr Fraction operator*(Fraction a, float b) { return {a.n * b, a.d}; }             ///< a b
  /// a + b
  friend constexpr Fraction operator+(Fraction a, Fraction b) { return {a.n * b.d + b.n * a.d, a.d * b.d}; }
  /// a - b
  friend constexpr Fraction operator-(float a, Fraction b) { return {a * b.d - b.n, b.d}; }
};

namespace detail {

/// x within [-limit, limit]; NaN becomes `limit`.
constexpr float clamp(float x, float limit) {
#if __ARM_ARCH_PROFILE == 'M' && (__ARM_FP & 8 || (__ARM_ARCH >= 8 && __ARM_FP))
  return __builtin_fmaxf(__builtin_fminf(x, limit), -limit);  // FPv5: one instruction each; elsewhere a call of libm
#else
  x = x < limit ? x : limit;
  return x > -limit ? x : -limit;
#endif
}

}  // namespace detail

/// tanh(x). |error| < 4e-7, |result| <= 1 + 2.4e-7. NaN is treated as a large number: it does not stay in the state of
/// a network.
///
/// x p(x^2) / q(x^2), fitted in the maximum norm of the relative error (2.1e-8) on |x| <= 9.01, where 1 - tanh(x) is
/// 3e-8; beyond that it is 1.
constexpr Fraction tanh(Fraction argument) {
  const float x = detail::clamp(argument, 9.01f), s = x * x;
  const float p = 1.0f + s * (0.13380371f + s * (0.0034948105f + s * (2.0596268e-05f + s * 1.3336842e-08f)));
  const float q = 1.0f + s * (0.46713686f + s * (0.025874024f + s * (0.00032843626f + s * 7.76928e-07f)));
  return {x * p, q};
}

/// The logistic function 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2. |error| < 2.5e-7, -1.2e-7 <= result <= 1 + 1.2e-7.
/// NaN as in tanh.
constexpr Fraction sigmoid(Fraction argument) {
  const Fraction t = tanh(Fraction(0.5f * static_cast<float>(argument)));
  return {0.5f * (t.d + t.n), t.d};
}

}  // namespace rondo::inline v0::embedded

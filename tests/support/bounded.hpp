// SPDX-License-Identifier: MIT
// Bounded: a real number and an error bound for its computation in a shorter type (running error analysis: Higham,
// "Accuracy and Stability of Numerical Algorithms", section 3.3, to first order). A reference written as a template
// over the number type yields, with this type, a derived tolerance for every value.
#pragma once

#include <cmath>

namespace rondo_test {

struct Bounded {
  double value = 0;
  double error = 0;

  // The type under test, and the assumed accuracy of its exp and tanh. Eigen states no bound for its vectorised
  // single-precision functions; its own tests allow a few units in the last place.
  static constexpr double kUnitRoundoff = 0x1p-24;
  static constexpr double kFunctionUlps = 8;

  Bounded() = default;
  Bounded(double v) : value(v), error(std::abs(v) * kUnitRoundoff) {}
  Bounded(double v, double e) : value(v), error(e) {}
};

inline Bounded rounded(double value, double error) { return {value, error + std::abs(value) * Bounded::kUnitRoundoff}; }

inline Bounded operator+(const Bounded& a, const Bounded& b) { return rounded(a.value + b.value, a.error + b.error); }
inline Bounded operator*(const Bounded& a, const Bounded& b) {
  return rounded(a.value * b.value, std::abs(a.value) * b.error + std::abs(b.value) * a.error);
}

/// A sum whose order is not fixed: each term may take part in all `terms` additions.
inline Bounded any_order(const Bounded& sum, double sum_of_magnitudes, double terms) {
  return {sum.value, sum.error + terms * Bounded::kUnitRoundoff * sum_of_magnitudes};
}
inline double any_order(double sum, double, double) { return sum; }

inline double magnitude(const Bounded& a) { return std::abs(a.value); }
inline double magnitude(double a) { return std::abs(a); }

inline Bounded function_result(double value, double slope, const Bounded& x) {
  return {value, slope * x.error + Bounded::kFunctionUlps * 2 * Bounded::kUnitRoundoff * std::abs(value)};
}

inline double logistic(double x) { return 1 / (1 + std::exp(-x)); }
inline Bounded logistic(const Bounded& x) {
  const double s = logistic(x.value);
  return function_result(s, s * (1 - s), x);
}
inline double hyperbolic_tangent(double x) { return std::tanh(x); }
inline Bounded hyperbolic_tangent(const Bounded& x) {
  const double t = std::tanh(x.value);
  return function_result(t, 1 - t * t, x);
}

}  // namespace rondo_test

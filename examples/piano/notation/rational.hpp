// SPDX-License-Identifier: MIT
// Exact fractions for musical time: a triplet eighth is 1/3 of a quarter note and three of them make one, which
// neither binary fractions nor ticks guarantee for every tuplet.
#pragma once

#include <compare>
#include <cstdint>
#include <numeric>
#include <string>

namespace piano {

/// A fraction in lowest terms with a positive denominator. Overflow is not checked: values in scores are far below
/// 2^31.
class Rational {
 public:
  constexpr Rational(std::int64_t numerator = 0, std::int64_t denominator = 1)
      : numerator_(denominator < 0 ? -numerator : numerator),
        denominator_(denominator < 0 ? -denominator : denominator) {
    const std::int64_t divisor = std::gcd(numerator_, denominator_);
    numerator_ /= divisor;
    denominator_ /= divisor;
  }

  constexpr std::int64_t numerator() const { return numerator_; }
  constexpr std::int64_t denominator() const { return denominator_; }
  constexpr double to_double() const { return static_cast<double>(numerator_) / static_cast<double>(denominator_); }
  std::string to_string() const { return std::to_string(numerator_) + "/" + std::to_string(denominator_); }

  friend constexpr Rational operator+(Rational a, Rational b) {
    return {a.numerator_ * b.denominator_ + b.numerator_ * a.denominator_, a.denominator_ * b.denominator_};
  }
  friend constexpr Rational operator-(Rational a, Rational b) { return a + Rational(-b.numerator_, b.denominator_); }
  friend constexpr Rational operator*(Rational a, Rational b) {
    return {a.numerator_ * b.numerator_, a.denominator_ * b.denominator_};
  }
  friend constexpr Rational operator/(Rational a, Rational b) {
    return {a.numerator_ * b.denominator_, a.denominator_ * b.numerator_};
  }
  constexpr Rational& operator+=(Rational b) { return *this = *this + b; }
  constexpr Rational& operator-=(Rational b) { return *this = *this - b; }
  constexpr Rational& operator*=(Rational b) { return *this = *this * b; }

  friend constexpr bool operator==(Rational, Rational) = default;
  friend constexpr std::strong_ordering operator<=>(Rational a, Rational b) {
    return a.numerator_ * b.denominator_ <=> b.numerator_ * a.denominator_;
  }

 private:
  std::int64_t numerator_ = 0;
  std::int64_t denominator_ = 1;
};

}  // namespace piano

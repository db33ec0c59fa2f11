// SPDX-License-Identifier: MIT
// The errors of tanh and sigmoid that functions.hpp states, at every 256th float.
#include <rondo/embedded/functions.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "support/catch.hpp"

using namespace rondo::embedded;

TEST_CASE("tanh and sigmoid have the stated errors and bounds") {
  double worst_tanh = 0, worst_sigmoid = 0;
  bool bounded = true;
  for (std::uint32_t bits = 0; bits < 0x7f800000; bits += 256)
    for (float x : {std::bit_cast<float>(bits), -std::bit_cast<float>(bits)}) {
      const float t = tanh(Fraction(x)), s = sigmoid(Fraction(x));
      worst_tanh = std::max(worst_tanh, std::abs(t - std::tanh(static_cast<double>(x))));
      worst_sigmoid = std::max(worst_sigmoid, std::abs(s - 1 / (1 + std::exp(-static_cast<double>(x)))));
      bounded = bounded && std::abs(t) <= 1 + 2.4e-7f && -1.2e-7f <= s && s <= 1 + 1.2e-7f;
    }
  INFO("tanh " << worst_tanh << ", sigmoid " << worst_sigmoid);
  REQUIRE(worst_tanh < 4e-7);
  REQUIRE(worst_sigmoid < 2.5e-7);
  REQUIRE(worst_tanh > 1e-8);  // float, not double
  REQUIRE(bounded);
}

TEST_CASE("infinity and NaN give numbers in the range of tanh and sigmoid") {
  for (float x : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                  std::numeric_limits<float>::quiet_NaN()}) {
    const float wanted = std::isnan(x) ? 1 : std::tanh(x);
    REQUIRE(std::abs(static_cast<float>(tanh(Fraction(x))) - wanted) < 4e-7f);
    REQUIRE(std::abs(static_cast<float>(sigmoid(Fraction(x))) - (wanted + 1) / 2) < 4e-7f);
  }
}

TEST_CASE("fractions compute as numbers") {
  const Fraction a(3, 4), b(5, 8);
  REQUIRE(static_cast<float>(a * b) == 15.0f / 32);
  REQUIRE(static_cast<float>(a + b) == 11.0f / 8);
  REQUIRE(static_cast<float>(2.0f - a) == 1.25f);
  REQUIRE(static_cast<float>(a * 2.0f) == 1.5f);
  static_assert(static_cast<float>(Fraction(1, 2) + Fraction(1, 4)) == 0.75f);
}

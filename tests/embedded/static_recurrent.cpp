// SPDX-License-Identifier: MIT
// StaticLstm and StaticGru, fp32 and int8, against plain loops in double (support/naive_recurrent.hpp).
#include <rondo/embedded/static_recurrent.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "embedded/pack.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Cell>
using NetworkOf = std::conditional_t<std::is_same_v<Cell, embedded::GruCell>, Gru<float>, Lstm<float>>;

/// The largest difference over 60 steps with inputs of deviation `size`.
template <class Cell, std::size_t C, std::size_t H, std::size_t L, class Weight>
double difference(double size = 1) {
  Rng rng(7 + H);
  NetworkOf<Cell> network({.input = C, .hidden = H, .layers = L}, rng);
  randomise(network, rng);
  if constexpr (!std::is_same_v<Weight, float>) round_to_int8(network);
  const auto weights = packed<Cell, C, H, L, Weight>(network);
  embedded::StaticRecurrent<Cell, C, H, L, Weight> stream(*weights);

  constexpr std::size_t kSteps = 60;
  std::vector<float> x(kSteps * C), y(kSteps * H);
  for (float& value : x) value = static_cast<float>(size * rng.normal());
  NaiveSteps inputs;
  for (std::size_t t = 0; t < kSteps; ++t)
    inputs.emplace_back(x.begin() + static_cast<long>(t * C), x.begin() + static_cast<long>((t + 1) * C));
  NaiveSteps h(L, NaiveVector(H)), c = h;
  const NaiveSteps wanted = naive_recurrent(NaiveWeights(network), network.config(), Cell::kGates == 3, inputs, h, c);

  stream.process(x.data(), y.data(), 20);
  stream.reset();
  stream.process(x.data(), y.data(), 30);
  const auto state = stream.state();
  stream.reset();
  stream.set_state(state);
  stream.process(x.data() + 30 * C, y.data() + 30 * H, kSteps - 30);
  double worst = 0, largest = 0;
  for (std::size_t t = 0; t < kSteps; ++t)
    for (std::size_t u = 0; u < H; ++u) {
      worst = std::max(worst, std::abs(static_cast<double>(y[t * H + u]) - wanted[t][u]));
      largest = std::max(largest, std::abs(wanted[t][u]));
    }
  REQUIRE(largest > 0.1);
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("fp32 agrees with double to rounding", "", embedded::LstmCell, embedded::GruCell) {
  // Errors of float (6e-8) and of the functions (4e-7), through weights of deviation 0.5 and the recurrence.
  CHECK(difference<TestType, 1, 1, 1, float>() < 5e-6);
  CHECK(difference<TestType, 1, 3, 1, float>() < 5e-6);
  CHECK(difference<TestType, 1, 16, 1, float>() < 2e-5);
  CHECK(difference<TestType, 2, 8, 2, float>() < 2e-5);
  CHECK(difference<TestType, 5, 7, 3, float>() < 2e-5);
  CHECK(difference<TestType, 88, 20, 1, float>() < 2e-5);
  CHECK(difference<TestType, 1, 16, 1, float>(100) < 2e-5);
}

TEMPLATE_TEST_CASE("int8 agrees with double of the same weights to 16 bits", "", embedded::LstmCell,
                   embedded::GruCell) {
  // h has 16 bits: 1.5e-5, times weights of deviation 0.5 and the recurrence. So have inputs, relative to the largest.
  CHECK(difference<TestType, 1, 1, 1, std::int8_t>() < 2e-4);
  CHECK(difference<TestType, 1, 16, 1, std::int8_t>() < 5e-4);
  CHECK(difference<TestType, 4, 8, 2, std::int8_t>() < 5e-4);
  CHECK(difference<TestType, 5, 7, 3, std::int8_t>() < 5e-4);
  CHECK(difference<TestType, 88, 20, 1, std::int8_t>() < 5e-4);
  CHECK(difference<TestType, 1, 16, 1, std::int8_t>() > 2e-7);  // int8, not fp32
}

TEST_CASE("a NaN in the input does not stay in the state") {
  Rng rng(3);
  Lstm<float> network({.input = 6, .hidden = 5}, rng);
  const auto fp32 = packed<embedded::LstmCell, 6, 5, 1, float>(network);
  const auto int8 = packed<embedded::LstmCell, 6, 5, 1, std::int8_t>(network);
  const auto recovers = [](auto stream) {
    float x[6] = {1, 2, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 0, 0};
    stream.step(x);
    for (float& value : x) value = 0.5;
    const float(&h)[5] = stream.step(x);
    return std::all_of(h, h + 5, [](float v) { return std::abs(v) < 1; });
  };
  CHECK(recovers(embedded::StaticLstm<6, 5>(*fp32)));
  CHECK(recovers(embedded::StaticLstm<6, 5, 1, std::int8_t>(*int8)));
}

namespace {

constexpr embedded::StaticLstmWeights<1, 1> kOne = {.layers = {.first = {.W = {.w = {{{0.5f, -0.25f, 1.0f, 0.75f}}}},
                                                                         .R = {.w = {{{0.1f, 0.2f, -0.3f, 0.4f}}}},
                                                                         .b = {{0.1f, 1.0f, 0.1f, -0.1f}}}}};

constexpr float third_output() {
  embedded::StaticLstm<1, 1> lstm(kOne);
  float y = 0;
  for (float x : {0.5f, -1.0f, 0.25f}) y = lstm.step({x})[0];
  return y;
}

}  // namespace

TEST_CASE("a step can be computed when compiling") {
  constexpr float kAtCompileTime = third_output();
  double h = 0, c = 0;
  for (double x : {0.5, -1.0, 0.25}) {
    const double i = naive_logistic(0.5 * x + 0.1 * h + 0.1), f = naive_logistic(-0.25 * x + 0.2 * h + 1),
                 g = std::tanh(x - 0.3 * h + 0.1), o = naive_logistic(0.75 * x + 0.4 * h - 0.1);
    c = f * c + i * g;
    h = o * std::tanh(c);
  }
  REQUIRE(std::abs(static_cast<double>(kAtCompileTime) - h) < 1e-6);
  static_assert(sizeof(embedded::StaticLstm<1, 16>) == sizeof(void*) + 2 * 16 * sizeof(float));
}

// SPDX-License-Identifier: MIT
// sigmoid and tanh of every level against references in double, over the whole range of float.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/plain_cell.hpp>
#include <rondo/math/cells/lstm.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct Functions {
  std::vector<float> sigmoid, tanh;
};

/// Both functions of every x, computed by the library as gates of cells with the pre-activations x. `units` decides how
/// many of them share a vector.
Functions gates_of(const std::vector<float>& x, Index units) {
  const Index size = static_cast<Index>(x.size()), B = (size + units - 1) / units;
  std::vector<float> state[4], gates(static_cast<std::size_t>(4 * units * B), 0.0f);
  for (auto& s : state) s.assign(static_cast<std::size_t>(units * B), 0.0f);
  const auto gate = [&](Index n, Index g) -> float& {
    return gates[static_cast<std::size_t>(n / units * 4 * units + g * units + n % units)];
  };
  for (Index n = 0; n < size; ++n)
    for (Index g = 0; g < 4; ++g) gate(n, g) = x[static_cast<std::size_t>(n)];
  float *const before = state[0].data(), *const c = state[1].data(), *const tanh_c = state[2].data(),
               *const h = state[3].data();
  if (const detail::CellKernels* k = detail::cell_kernels<LstmCell>()) {
    detail::RecurrentStep step{};  // without a product: depth 0
    step.columns = B;
    step.R = c;
    step.h_before = {c, 1, 0};
    step.cells = {.bias = c,
                  .bias_column = 0,
                  .gates = gates.data(),
                  .gates_column = 4 * units,
                  .block = units,
                  .before = before,
                  .before_column = units,
                  .c = c,
                  .tanh_c = tanh_c,
                  .c_column = units,
                  .h = h,
                  .h_column = units,
                  .save_for_backward = true};
    k->fp32.step(step, 0, units);
  } else {
    for (Index b = 0; b < B; ++b) {
      const auto at = [&](float* s) { return column(s + b * units, units); };
      detail::Columns<float, 4> blocks(&gates[static_cast<std::size_t>(b * 4 * units)], units, units);
      auto c_b = at(c), tanh_c_b = at(tanh_c), h_b = at(h);
      equations::Equations<LstmCell>::forward(blocks.at, at(before), c_b, tanh_c_b, h_b);
    }
  }
  Functions f;
  for (Index n = 0; n < size; ++n) {
    if (!std::isnan(gate(n, 0)) && (gate(n, 0) != gate(n, 1) || gate(n, 0) != gate(n, 3)))
      FAIL("input, forget and output gate of " << x[static_cast<std::size_t>(n)] << " differ");
    f.sigmoid.push_back(gate(n, 0));
    f.tanh.push_back(gate(n, 2));
  }
  return f;
}

/// Every 997th float of either sign, from zero through the denormals to the largest.
std::vector<float> floats_of_every_size() {
  std::vector<float> all;
  for (std::uint32_t bits = 0; bits < 0x7F800000u; bits += 997)
    for (std::uint32_t sign : {0u, 0x80000000u}) all.push_back(std::bit_cast<float>(bits | sign));
  return all;
}

/// The distance from |y| to the next float.
double last_place(double y) {
  const float magnitude = static_cast<float>(std::abs(y));
  return static_cast<double>(std::nextafter(magnitude, kInfinity)) - static_cast<double>(magnitude);
}

/// Worst errors: in 2^-24, the last place of numbers just below 1, which is the functions' scale; and in units in the
/// last place of the result.
struct Errors {
  double scale = 0, result = 0;

  void add(double got, double exact, bool normal) {
    const double error = std::abs(got - exact);
    scale = std::isnan(error) ? error : std::max(scale, error * 0x1p24);
    if (normal) result = std::max(result, error / last_place(exact));
  }
};

}  // namespace

TEST_CASE("sigmoid and tanh keep their error bounds over the whole range, at every level") {
  const LevelGuard guard;
  const std::vector<float> x = floats_of_every_size();
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    const Functions f = gates_of(x, 64);
    Errors sigmoid, tanh;
    for (std::size_t n = 0; n < x.size(); ++n) {
      const double z = x[n];
      sigmoid.add(f.sigmoid[n], 1 / (1 + std::exp(-z)), z >= -16);
      tanh.add(f.tanh[n], std::tanh(z), std::abs(x[n]) >= std::numeric_limits<float>::min());
    }
    INFO(name(level) << ": sigmoid " << sigmoid.scale << " of scale, " << sigmoid.result << " of the result; tanh "
                     << tanh.scale << ", " << tanh.result);
    CHECK(sigmoid.scale <= 1.6);  // docs/08-numerics.md has these figures
    CHECK(sigmoid.result <= 5);
    if (level == CpuLevel::baseline) {  // Eigen's
      CHECK(tanh.scale <= 7);
      CHECK(tanh.result <= 7);
    } else {
      CHECK(tanh.scale <= 2.6);
      CHECK(tanh.result <= 4.7);
    }
  }
}

TEST_CASE("sigmoid and tanh saturate, and NaN stays NaN, in any lane") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    const float of_one = level == CpuLevel::baseline ? 0x7p-24f : 0;  // Eigen's for Arm: within its bound above
    for (Index units : {1, 7, 16, 33}) {
      const std::vector<float> x = {kInfinity, -kInfinity, kNan, 0.0f, -0.0f, 3e38f, -3e38f, 1e-40f, -1e-40f, kNan};
      const Functions f = gates_of(x, units);
      CHECK(f.sigmoid[0] == 1);
      CHECK(std::abs(f.sigmoid[1]) < 2e-35f);
      CHECK(std::abs(f.tanh[0] - 1) <= of_one);
      CHECK(std::abs(f.tanh[1] + 1) <= of_one);
      for (std::size_t n : {std::size_t{2}, x.size() - 1}) {
        CHECK(std::isnan(f.sigmoid[n]));
        CHECK(std::isnan(f.tanh[n]));
      }
      for (std::size_t n : {3u, 4u, 7u, 8u}) CHECK(f.sigmoid[n] == 0.5f);
      for (std::size_t n : {3u, 4u}) CHECK(f.tanh[n] == 0);
      CHECK(f.sigmoid[5] == 1);
      CHECK(f.sigmoid[6] < 2e-35f);
      CHECK(std::abs(f.tanh[5] - 1) <= of_one);
      CHECK(std::abs(f.tanh[6] + 1) <= of_one);
      for (std::size_t n : {7u, 8u}) CHECK(f.tanh[n] == x[n]);  // denormals: tanh(x) = x
    }
  }
}

// SPDX-License-Identifier: MIT
// Regression losses on the device equal the CPU's except for the order of the sum; from one element to more than one
// part.
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include <rondo/cuda.hpp>
#include <rondo/layers/regression_losses.hpp>

#include "cuda/device_matrix.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr double kDelta = 0.5;

template <class Scalar, class Device>
Loss run(bool squared, const Sequence<Scalar, Device>& y, const Sequence<Scalar, Device>& target,
         std::type_identity_t<Sequence<Scalar, Device>>* d, std::span<const Scalar> weights) {
  return squared ? mean_squared_error(y, target, d, weights) : huber(y, target, kDelta, d, weights);
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: squared and Huber error, value and gradient, equal the CPU's", "", float, double) {
  if (!gpu_available()) return;
  constexpr double kUnit = std::numeric_limits<TestType>::epsilon() / 2;
  Rng rng(1);
  struct Shape {
    Index C, B, T;
    std::vector<Index> lengths;
  };
  for (const Shape& s :
       {Shape{1, 1, 1, {}}, {3, 4, 5, {}}, {3, 3, 5, {0, 5, 2}}, {300, 3, 40, {40, 17, 1}}, {2, 0, 3, {}}})
    for (const bool squared : {true, false})
      for (const bool weighted : {true, false}) {
        INFO(s.C << " x " << s.B << " x " << s.T << (squared ? " squared" : " Huber") << (weighted ? " weighted" : ""));
        auto y = random_sequence<TestType>(s.C, s.B, s.T, rng), target = random_sequence<TestType>(s.C, s.B, s.T, rng);
        y.set_lengths(s.lengths);
        std::vector<TestType> weights;
        for (Index n = 0; weighted && n < s.B * s.T; ++n) weights.push_back(static_cast<TestType>((n + 1) % 4) / 2);
        Sequence<TestType> d;
        Sequence<TestType, Cuda> d_device;
        const auto y_device = to<Cuda>(y), target_device = to<Cuda>(target);
        const Loss wanted = run<TestType>(squared, y, target, &d, weights);
        const Loss got = run<TestType>(squared, y_device, target_device, &d_device, weights);
        CHECK(got.count == wanted.count);
        if (s.B > 0) CHECK(wanted.sum > 1e-3);
        // All terms are positive and added in double; each may round differently if a compiler fuses: twice 3
        // roundings.
        CHECK(std::abs(got.sum - wanted.sum) <= 6 * kUnit * wanted.sum + 1e-12 * wanted.sum);
        CHECK(run<TestType>(squared, y_device, target_device, nullptr, weights).sum == got.sum);
        const auto back = to<Cpu>(d_device);
        REQUIRE(back.size() == d.size());
        for (Index n = 0; n < d.size(); ++n)  // the same products in any order
          REQUIRE(std::abs(back.data()[n] - d.data()[n]) <= 4 * kUnit * std::abs(d.data()[n]));
      }
}

TEST_CASE("CUDA: a regression loss of one step writes only within its view") {
  if (!gpu_available()) return;
  Rng rng(2);
  const auto y = random_matrix<double>(5, 4, rng), target = random_matrix<double>(5, 4, rng);
  DeviceMatrix<double> y_device(y, 2), target_device(target, 1), d_device(5, 4, 3);
  const std::vector<double> weights = {1, 0, 2, 0.5};
  Matrix<double> d(5, 4);
  const Loss wanted = huber(Cpu{}, y.view(), target.view(), kDelta, d.view(), weights);
  const Loss got = huber(Cuda{}, y_device.view(), target_device.view(), kDelta, d_device.view(), weights);
  CHECK(got.count == wanted.count);
  CHECK(got.sum == Approx(wanted.sum).epsilon(1e-14));
  const auto back = d_device.get();
  for (std::size_t n = 0; n < d.values.size(); ++n) CHECK(back.values[n] == Approx(d.values[n]).epsilon(1e-14));
}

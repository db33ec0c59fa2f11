// SPDX-License-Identifier: MIT
// Gradients by central differences, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <rondo/core/parameter.hpp>
#include <rondo/core/view.hpp>

#include "support/catch.hpp"

namespace rondo_test {

/// Accuracy of a derivative by central differences at two distances. Their truncation error with step h is h^4/30 of
/// the fifth derivative, which for a layer norm with a scale down to sqrt(1e-5) is up to 1e12: error 1e-9; the rounding
/// error epsilon/h is 1e-11. A wrong term causes about 1e-2.
inline constexpr double kGradientTolerance = 1e-6;
inline constexpr double kDifferenceStep = 1e-5;

/// Requires that `gradient` (of loss() by `value`) agrees with central differences: the largest deviation, relative to
/// the tensor's largest derivative. A tensor whose derivatives are all zero would prove nothing and fails.
template <class Loss>
void check_gradient(const std::string& name, rondo::MatrixView<double> value, rondo::ConstView<double> gradient,
                    Loss&& loss) {
  double largest = 0, deviation = 0;
  for (rondo::Index j = 0; j < value.cols; ++j)
    for (rondo::Index i = 0; i < value.rows; ++i) {
      double& v = value(i, j);
      const double kept = v;
      const auto difference = [&](double step) {
        v = kept + step;
        const double above = loss();
        v = kept - step;
        const double below = loss();
        v = kept;
        return above - below;
      };
      const double numeric =
          (8 * difference(kDifferenceStep) - difference(2 * kDifferenceStep)) / (12 * kDifferenceStep);
      largest = std::max(largest, std::abs(numeric));
      const double apart = std::abs(gradient(i, j) - numeric);
      deviation = std::isnan(apart) ? apart : std::max(deviation, apart);
    }
  INFO(name << ": largest derivative " << largest << ", largest deviation " << deviation);
  CHECK(largest > 1e-3);
  CHECK(deviation <= kGradientTolerance * largest);
}

/// The same for every parameter of a model, whose gradients must have been computed.
template <class Model, class Loss>
void check_parameter_gradients(Model& model, Loss&& loss) {
  model.for_each_parameter(
      [&](const rondo::Path& path, auto& p) { check_gradient(std::string(path.text()), p.value(), p.grad(), loss); });
}

}  // namespace rondo_test

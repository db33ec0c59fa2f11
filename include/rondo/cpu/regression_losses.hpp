// SPDX-License-Identifier: MIT
// Regression losses on the CPU, column by column; threads share the columns as those of the other losses.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/regression_loss.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cpu/parallel.hpp>

#include <algorithm>

namespace rondo::inline v0 {

/// The sum over the columns that count of weight * error.loss(y - target), added up in double. d becomes the gradient
/// times `scale`, zeros where nothing counts; a view of nothing: none is wanted. y, targets, d: C x (B*T).
template <class Scalar, template <class> class Error>
double regression_loss_sum(Cpu, const Error<Scalar>& error, ConstView<Scalar> y, ConstView<Scalar> targets,
                           const StepMask<Scalar>& mask, Scalar scale, MatrixView<Scalar> d) {
  return detail::parallel_sum(y.cols, y.rows * y.cols, [&](Index first, Index last) {
    double sum = 0;
    for (Index j = first; j < last; ++j) {
      if (!mask.active(j)) {
        if (d.data) std::fill_n(&d(0, j), d.rows, Scalar(0));
        continue;
      }
      const Scalar weight = mask.weight(j), slope_scale = scale * weight;
      double column = 0;
      for (Index i = 0; i < y.rows; ++i) column += static_cast<double>(error.loss(y(i, j) - targets(i, j)));
      if (d.data)
        for (Index i = 0; i < y.rows; ++i) d(i, j) = slope_scale * error.derivative(y(i, j) - targets(i, j));
      sum += static_cast<double>(weight) * column;
    }
    return sum;
  });
}

}  // namespace rondo::inline v0

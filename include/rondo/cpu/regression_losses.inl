// SPDX-License-Identifier: MIT
// Definitions of cpu/regression_losses.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/parallel.hpp>

#include <algorithm>

namespace rondo::inline RONDO_ABI {

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

}  // namespace rondo::inline RONDO_ABI

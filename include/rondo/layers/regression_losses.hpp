// SPDX-License-Identifier: MIT
// Regression losses: mean squared error and Huber loss. Both have an overload for whole sequences, C x B x T, and one
// for a single step, C x B, for many-to-one models.
//
// Padding of a ragged batch and steps of weight 0 are excluded. Loss::sum is the sum of weight * loss over all included
// values; Loss::count is the number of included values, C per included step. So mean() divides by the number of values,
// as PyTorch's reduction='mean' does; weights scale the sum but not the count, as in (weight * loss).mean(). The
// gradient is that of mean(). (The losses of layers/losses.hpp count steps instead.)
//
// A custom loss needs nothing from here: backward passes take dL/dy from any source.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/loss.hpp>
#include <rondo/core/regression_loss.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/regression_losses.hpp>
#include <rondo/layers/losses.hpp>

#include <cmath>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

template <class Device, class Scalar, template <class> class Error>
Loss regression_loss(Device device, const char* who, const Error<Scalar>& error, MatrixView<const Scalar> y,
                     ConstView<Scalar> targets, const StepMask<Scalar>& mask, MatrixView<Scalar> d) {
  require_shape(mask.weights.empty() || static_cast<Index>(mask.weights.size()) == y.cols, who, ": ",
                mask.weights.size(), " weights, wanted one per step, ", y.cols);
  for (std::size_t n = 0; n < mask.weights.size(); ++n)
    if (const Scalar w = mask.weights[n]; !(w >= 0 && std::isfinite(w))) [[unlikely]]
      throw rondo::error(concat(who, ": weight ", n, " is ", w, ", wanted a finite number that is not negative"));
  Loss loss;
  for (Index j = 0; j < y.cols; ++j) loss.count += mask.active(j) ? y.rows : 0;
  loss.sum = regression_loss_sum(device, error, y, targets, mask, one_over<Scalar>(loss.count), d);
  return loss;
}

template <class Scalar, class Device, template <class> class Error>
Loss regression_loss(const char* who, const Error<Scalar>& error, const Sequence<Scalar, Device>& y,
                     const Sequence<Scalar, Device>& targets, std::span<const Scalar> weights,
                     Sequence<Scalar, Device>* dy) {
  require_shape(targets.features() == y.features() && targets.batch() == y.batch() && targets.time() == y.time(), who,
                ": targets are ", targets.shape(), ", y is ", y.shape());
  if (dy) dy->resize_like(y, y.features());
  return regression_loss(Device{}, who, error, y.flat(), targets.flat(), {y.batch(), y.lengths(), weights},
                         dy ? dy->flat() : MatrixView<Scalar>{});
}

template <class Device, class Scalar, template <class> class Error>
Loss regression_loss_of_step(Device device, const char* who, const Error<Scalar>& error, MatrixView<const Scalar> y,
                             ConstView<Scalar> targets, std::span<const Scalar> weights, MatrixView<Scalar> dy) {
  require_shape(targets.rows == y.rows && targets.cols == y.cols, who, ": targets are ", targets.rows, " x ",
                targets.cols, " (C x B), y is ", y.rows, " x ", y.cols);
  require_shape(!dy.data || (dy.rows == y.rows && dy.cols == y.cols), who, ": dy is ", dy.rows, " x ", dy.cols,
                " (C x B), y is ", y.rows, " x ", y.cols);
  return regression_loss(device, who, error, y, targets, StepMask<Scalar>{y.cols, {}, weights}, dy);
}

template <class Scalar>
HuberError<Scalar> huber_error(double delta) {
  if (!(delta > 0 && std::isfinite(delta)))
    throw error(concat("huber: delta is ", delta, ", wanted a positive number"));
  return {static_cast<Scalar>(delta)};
}

}  // namespace detail

/// Squared error, (y - target)^2 (torch.nn.MSELoss). y, targets: C x B x T; padding of y is excluded. `weights`: empty,
/// or one per step on the host, that of (b, t) at b + B * t; 0 excludes a step. dy, unless null, is resized to C x B x
/// T and set to the gradient of Loss::mean(), zero at excluded steps. Throws shape_error, and rondo::error for a weight
/// that is negative or not finite.
template <class Scalar, class Device>
Loss mean_squared_error(const Sequence<Scalar, Device>& y, const Sequence<Scalar, Device>& targets,
                        std::type_identity_t<Sequence<Scalar, Device>>* dy,
                        std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss("mean_squared_error", SquaredError<Scalar>{}, y, targets, weights, dy);
}

/// Squared error of one step. y, targets, dy: C x B in the memory of Device; dy without data is not written. `weights`:
/// empty, or one per sequence, on the host. Errors as above.
template <class Device, class T, class Scalar = std::remove_const_t<T>>
Loss mean_squared_error(Device device, MatrixView<T> y, ConstView<Scalar> targets,
                        MatrixView<std::type_identity_t<Scalar>> dy = {},
                        std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss_of_step<Device, Scalar>(device, "mean_squared_error", SquaredError<Scalar>{}, y,
                                                         targets, weights, dy);
}

/// Huber loss (torch.nn.HuberLoss): (y - target)^2 / 2 if |y - target| <= delta, else delta (|y - target| - delta / 2),
/// so the derivative is at most delta. Arguments and errors as for mean_squared_error; also throws rondo::error unless
/// delta is positive.
template <class Scalar, class Device>
Loss huber(const Sequence<Scalar, Device>& y, const Sequence<Scalar, Device>& targets, double delta,
           std::type_identity_t<Sequence<Scalar, Device>>* dy,
           std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss("huber", detail::huber_error<Scalar>(delta), y, targets, weights, dy);
}

/// Huber loss of one step; arguments as for mean_squared_error of one step.
template <class Device, class T, class Scalar = std::remove_const_t<T>>
Loss huber(Device device, MatrixView<T> y, ConstView<Scalar> targets, double delta,
           MatrixView<std::type_identity_t<Scalar>> dy = {},
           std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss_of_step<Device, Scalar>(device, "huber", detail::huber_error<Scalar>(delta), y,
                                                         targets, weights, dy);
}

}  // namespace rondo::inline RONDO_ABI

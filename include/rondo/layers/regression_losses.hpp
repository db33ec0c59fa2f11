// SPDX-License-Identifier: MIT
// Losses of numbers: mean squared error and Huber's. Both come in two forms: of whole sequences, C x B x T, and of one
// step, C x B, as a many-to-one model has it.
//
// They leave out what is masked: padding of a ragged batch, and steps of weight 0. `sum` adds up weight * loss over all
// numbers that count; `count` is how many NUMBERS count: C for each step that does. So mean() divides by all numbers,
// as PyTorch's reduction='mean' does; weights scale a step's share of the sum but not the count, as in (weight *
// loss).mean(). The gradient is that of mean(). (The losses of layers/losses.hpp count steps instead.)
//
// A loss of one's own needs nothing from here: backward passes take dL/dy from anywhere.
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
                mask.weights.size(), " weights, wanted one a step, ", y.cols);
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

/// (y - target)^2. y, targets: C x B x T; lengths are those of y. `weights`: none, or one a step, on the host, that of
/// (b, t) at b + B * t; 0 masks. dy, unless null, becomes the gradient of the mean: zeros where nothing counts. Throws
/// shape_error, and rondo::error for a weight that is negative or not finite.
template <class Scalar, class Device>
Loss mean_squared_error(const Sequence<Scalar, Device>& y, const Sequence<Scalar, Device>& targets,
                        std::type_identity_t<Sequence<Scalar, Device>>* dy,
                        std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss("mean_squared_error", SquaredError<Scalar>{}, y, targets, weights, dy);
}

/// The same of one step: y, targets and dy are C x B, of memory of Device; `weights`: none, or one a sequence. A dy of
/// no data is not written.
template <class Device, class T, class Scalar = std::remove_const_t<T>>
Loss mean_squared_error(Device device, MatrixView<T> y, ConstView<Scalar> targets,
                        MatrixView<std::type_identity_t<Scalar>> dy = {},
                        std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss_of_step<Device, Scalar>(device, "mean_squared_error", SquaredError<Scalar>{}, y,
                                                         targets, weights, dy);
}

/// (y - target)^2 / 2 where |y - target| <= delta, else delta (|y - target| - delta / 2): torch.nn.HuberLoss. Outliers
/// pull with no more than delta. Everything else as for mean_squared_error; delta is positive.
template <class Scalar, class Device>
Loss huber(const Sequence<Scalar, Device>& y, const Sequence<Scalar, Device>& targets, double delta,
           std::type_identity_t<Sequence<Scalar, Device>>* dy,
           std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss("huber", detail::huber_error<Scalar>(delta), y, targets, weights, dy);
}

/// The same of one step.
template <class Device, class T, class Scalar = std::remove_const_t<T>>
Loss huber(Device device, MatrixView<T> y, ConstView<Scalar> targets, double delta,
           MatrixView<std::type_identity_t<Scalar>> dy = {},
           std::span<const std::type_identity_t<Scalar>> weights = {}) {
  return detail::regression_loss_of_step<Device, Scalar>(device, "huber", detail::huber_error<Scalar>(delta), y,
                                                         targets, weights, dy);
}

}  // namespace rondo::inline RONDO_ABI

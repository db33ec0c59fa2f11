// SPDX-License-Identifier: MIT
// Value and derivative of a regression loss for one error e = y - target, shared by all backends, and the mask of the
// steps that a loss includes. See layers/regression_losses.hpp. (constexpr lets nvcc compile them for the device, too.)
#pragma once

#include <rondo/core/view.hpp>

#include <span>

namespace rondo::inline RONDO_ABI {

/// Squared error, e^2.
template <class Scalar>
struct SquaredError {
  constexpr Scalar loss(Scalar e) const { return e * e; }        ///< value
  constexpr Scalar derivative(Scalar e) const { return 2 * e; }  ///< d value / d e
  bool operator==(const SquaredError&) const = default;          ///< always true
};

/// e^2 / 2 for |e| <= delta, linear with slope delta beyond (Huber 1964).
template <class Scalar>
struct HuberError {
  Scalar delta;  ///< > 0
  /// Value.
  constexpr Scalar loss(Scalar e) const {
    const Scalar size = e < 0 ? -e : e;
    return size <= delta ? e * e / 2 : delta * (size - delta / 2);
  }
  /// d value / d e.
  constexpr Scalar derivative(Scalar e) const { return e > delta ? delta : e < -delta ? -delta : e; }
  bool operator==(const HuberError&) const = default;  ///< whether delta is the same
};

/// Mask and weights of the steps in a loss. Column b + B * t of a C x (B*T) matrix is step t of sequence b.
template <class Scalar>
struct StepMask {
  Index batch;                      ///< B
  std::span<const Index> lengths;   ///< B lengths; empty: every step is included
  std::span<const Scalar> weights;  ///< B*T weights, on the host; empty: all are 1

  /// Whether this column is a valid step with a weight other than 0.
  bool active(Index column) const {
    return (lengths.empty() || column / batch < lengths[static_cast<std::size_t>(column % batch)]) &&
           weight(column) != 0;
  }
  /// Weight of this column.
  Scalar weight(Index column) const { return weights.empty() ? Scalar(1) : weights[static_cast<std::size_t>(column)]; }
};

}  // namespace rondo::inline RONDO_ABI

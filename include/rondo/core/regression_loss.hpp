// SPDX-License-Identifier: MIT
// What a regression loss makes of one error e = y - target, and its derivative by e: once for every backend. And which
// steps count. See layers/regression_losses.hpp. (constexpr lets nvcc compile them for the device, too.)
#pragma once

#include <rondo/core/view.hpp>

#include <span>

namespace rondo::inline RONDO_ABI {

/// e^2.
template <class Scalar>
struct SquaredError {
  constexpr Scalar loss(Scalar e) const { return e * e; }
  constexpr Scalar derivative(Scalar e) const { return 2 * e; }
};

/// e^2 / 2 where |e| <= delta, and from there on the straight line of derivative delta (Huber 1964).
template <class Scalar>
struct HuberError {
  Scalar delta;
  constexpr Scalar loss(Scalar e) const {
    const Scalar size = e < 0 ? -e : e;
    return size <= delta ? e * e / 2 : delta * (size - delta / 2);
  }
  constexpr Scalar derivative(Scalar e) const { return e > delta ? delta : e < -delta ? -delta : e; }
};

/// Which columns of a C x (B*T) matrix count in a loss, and how much: column b + B * t is step t of sequence b.
template <class Scalar>
struct StepMask {
  Index batch;                      // B
  std::span<const Index> lengths;   // B of them; empty: every step counts
  std::span<const Scalar> weights;  // B*T of them, on the host; empty: all are 1

  bool active(Index column) const {
    return (lengths.empty() || column / batch < lengths[static_cast<std::size_t>(column % batch)]) &&
           weight(column) != 0;
  }
  Scalar weight(Index column) const { return weights.empty() ? Scalar(1) : weights[static_cast<std::size_t>(column)]; }
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Layer normalisation of one column (Ba, Kiros, Hinton 2016): (x - mean) / sqrt(variance + epsilon). The caller applies
// gain and shift. For Eigen arrays.
#pragma once

#include <rondo/version.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

/// Added to the variance.
inline constexpr double kLayerNormEpsilon = 1e-5;

/// Normalises x in place. Returns the reciprocal standard deviation, 1 / sqrt(variance + epsilon).
template <class Column>
auto layer_norm(Column& x) {
  using Scalar = typename Column::Scalar;
  x -= x.mean();
  const Scalar rstd = 1 / std::sqrt(x.square().mean() + static_cast<Scalar>(kLayerNormEpsilon));
  x *= rstd;
  return rstd;
}

/// (38) On entry d is dL/d(normalised), on return dL/dx. `normalised` and `rstd` are results of layer_norm.
template <class Column, class Normalised>
void layer_norm_backward(Column& d, const Normalised& normalised, typename Column::Scalar rstd) {
  const auto along = (d * normalised).mean();
  d = (d - d.mean() - normalised * along) * rstd;  // forward: normalised = (x - mean) * rstd
}

}  // namespace rondo::inline RONDO_ABI

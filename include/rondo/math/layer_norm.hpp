// SPDX-License-Identifier: MIT
// Layer normalisation of one column (Ba, Kiros, Hinton 2016): (x - mean) / sqrt(variance + epsilon), to which the
// caller applies gain and shift. For Eigen arrays.
#pragma once

#include <rondo/version.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

inline constexpr double kLayerNormEpsilon = 1e-5;

/// x becomes its normalised self; returns what it was divided by, inverted.
template <class Column>
auto layer_norm(Column& x) {
  using Scalar = typename Column::Scalar;
  x -= x.mean();
  const Scalar rstd = 1 / std::sqrt(x.square().mean() + static_cast<Scalar>(kLayerNormEpsilon));
  x *= rstd;
  return rstd;
}

/// (38) d = dL/d(normalised) becomes dL/dx; `normalised` and `rstd` are those of layer_norm.
template <class Column, class Normalised>
void layer_norm_backward(Column& d, const Normalised& normalised, typename Column::Scalar rstd) {
  const auto along = (d * normalised).mean();
  d = (d - d.mean() - normalised * along) * rstd;  // forward: normalised = (x - mean) * rstd
}

}  // namespace rondo::inline RONDO_ABI

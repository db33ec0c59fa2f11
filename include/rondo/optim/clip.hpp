// SPDX-License-Identifier: MIT
// Clipping by global norm (Pascanu, Mikolov, Bengio 2013): what keeps recurrent training from leaping off.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/cpu/optim.hpp>

#include <cmath>

namespace rondo::inline RONDO_ABI {

/// Scales all gradients by one factor so that their joint Euclidean norm is at most `max_norm`. Returns the norm
/// before. A norm that is not finite is returned and nothing is scaled: the caller decides.
template <class Model>
double clip_grad_norm(Model& model, double max_norm) {
  double sum = 0;
  model.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
    sum += squared_norm(Device{}, p.grad());
  });
  const double norm = std::sqrt(sum);
  if (std::isfinite(norm) && norm > max_norm)
    model.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
      scale(Device{}, p.grad(), static_cast<Scalar>(max_norm / norm));
    });
  return norm;
}

}  // namespace rondo::inline RONDO_ABI

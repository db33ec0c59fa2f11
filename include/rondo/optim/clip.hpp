// SPDX-License-Identifier: MIT
// Gradient clipping by global norm (Pascanu, Mikolov, Bengio 2013).
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/optim.hpp>

#include <array>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI {

/// The norm of a model's gradients before clipping, in the memory of the device. Reused between steps, it stops
/// allocating.
template <class Device = Cpu>
class GradientNorm {
 public:
  /// The norm, after clip_grad_norm. Waits for the device.
  double value() const {
    double norm = 0;
    with_host_copy(Device{}, MatrixView<const double>{values_.data(), 1, 1, 1}, [&](auto host) { norm = host(0, 0); });
    return norm;
  }

  /// Two values on the device: the norm, and the factor that clips the gradients.
  double* data() {
    if constexpr (!kOnHost) values_.resize(2);
    return values_.data();
  }
  const double* data() const { return values_.data(); }  ///< the same, read-only

 private:
  static constexpr bool kOnHost = std::is_same_v<Device, Cpu>;
  std::conditional_t<kOnHost, std::array<double, 2>, Buffer<double, Device>> values_{};
};

/// Scales all gradients of a model by one factor so that their joint Euclidean norm is at most `max_norm` > 0
/// (torch.nn.utils.clip_grad_norm_). If the norm is infinite or NaN, nothing is scaled. Norm and factor are computed on
/// the device, for which this does not wait: norm.value() returns the norm before clipping.
template <class Model, class Device>
void clip_grad_norm(Model& model, double max_norm, GradientNorm<Device>& norm) {
  double* const values = norm.data();
  fill(Device{}, MatrixView<double>{values, 1, 1, 1}, 0);
  model.for_each_parameter(
      [&]<class Scalar>(const Path&, Parameter<Scalar, Device>& p) { add_squared_norm(Device{}, p.grad(), values); });
  norm_and_clip_factor(Device{}, max_norm, values);
  model.for_each_parameter(
      [&]<class Scalar>(const Path&, Parameter<Scalar, Device>& p) { scale_by(Device{}, p.grad(), values + 1); });
}

/// The same; returns the norm before clipping, and on a GPU waits for it.
template <class Model>
double clip_grad_norm(Model& model, double max_norm) {
  double value = 0;
  bool clipped = false;
  model.for_each_parameter([&]<class Scalar, class Device>(const Path&, const Parameter<Scalar, Device>&) {
    if (std::exchange(clipped, true)) return;  // the first parameter has the device of all
    GradientNorm<Device> norm;
    clip_grad_norm(model, max_norm, norm);
    value = norm.value();
  });
  return value;
}

}  // namespace rondo::inline RONDO_ABI

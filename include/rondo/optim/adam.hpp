// SPDX-License-Identifier: MIT
// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019, AdamW). Moments are stored in the
// parameters.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/cpu/optim.hpp>
#include <rondo/optim/clip.hpp>

#include <cmath>
#include <cstdint>

namespace rondo::inline RONDO_ABI {

/// Configuration of Adam; the defaults of PyTorch, without weight decay.
struct AdamConfig {
  double learning_rate = 1e-3;  ///< step size, > 0
  double beta1 = 0.9;           ///< decay of the first moment, in [0, 1)
  double beta2 = 0.999;         ///< decay of the second moment, in [0, 1)
  double epsilon = 1e-8;        ///< added to the denominator
  double weight_decay = 0;      ///< factor 1 - learning_rate * weight_decay per step; biases are exempt
};

/// The AdamW optimiser.
///
/// @code
/// rondo::Adam adam({.learning_rate = 1e-3, .weight_decay = 0.01});
/// rondo::zero_grad(model);
/// // ... backward passes add to the gradients
/// adam.step(model);
/// @endcode
class Adam {
 public:
  /// An optimiser that has done no steps.
  explicit Adam(const AdamConfig& config = {}) : config_(config) {}

  /// Updates every parameter of `model` by its gradient. `learning_rate` replaces the configured one for this step.
  template <class Model>
  void step(Model& model, double learning_rate) {
    ++steps_;
    model.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
      adam_update(Device{}, coefficients(learning_rate, p.has_weight_decay()), p.value(), p.grad(), p.first_moment(),
                  p.second_moment());
    });
  }
  /// The same after clip_grad_norm, without waiting for the device: if the norm is infinite or NaN, the weights and
  /// moments stay. Such a step counts.
  template <class Model, class Device>
  void step(Model& model, double learning_rate, const GradientNorm<Device>& norm) {
    ++steps_;
    model.for_each_parameter([&]<class Scalar>(const Path&, Parameter<Scalar, Device>& p) {
      adam_update_if_finite(Device{}, norm.data(), coefficients(learning_rate, p.has_weight_decay()), p.value(),
                            p.grad(), p.first_moment(), p.second_moment());
    });
  }
  /// Updates every parameter with the configured learning rate.
  template <class Model>
  void step(Model& model) {
    step(model, config_.learning_rate);
  }

  const AdamConfig& config() const { return config_; }  ///< configuration

  /// Number of steps so far. A checkpoint must store it with the moments.
  std::int64_t steps() const { return steps_; }
  /// Restores the number of steps from a checkpoint.
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  AdamStep coefficients(double learning_rate, bool has_weight_decay) const {
    const double n = static_cast<double>(steps_);
    return {.step_size = learning_rate / (1 - std::pow(config_.beta1, n)),
            .beta1 = config_.beta1,
            .beta2 = config_.beta2,
            .bias_correction2_sqrt = std::sqrt(1 - std::pow(config_.beta2, n)),
            .epsilon = config_.epsilon,
            .weight_decay_factor = has_weight_decay ? 1 - learning_rate * config_.weight_decay : 1};
  }

  AdamConfig config_;
  std::int64_t steps_ = 0;
};

}  // namespace rondo::inline RONDO_ABI

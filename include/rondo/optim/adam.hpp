// SPDX-License-Identifier: MIT
// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019, AdamW). The moments live in the
// parameters, so a checkpoint has them with the weights.
#pragma once

#include <rondo/core/parameter.hpp>
#include <rondo/cpu/optim.hpp>

#include <cmath>
#include <cstdint>

namespace rondo::inline RONDO_ABI {

struct AdamConfig {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;  // a step, times the learning rate, of weight matrices; biases are exempt
};

class Adam {
 public:
  explicit Adam(const AdamConfig& config = {}) : config_(config) {}

  /// Moves every parameter of `model` against its gradient. `learning_rate` replaces the configured one for this step.
  template <class Model>
  void step(Model& model, double learning_rate) {
    ++steps_;
    const double n = static_cast<double>(steps_);
    AdamStep s{.step_size = learning_rate / (1 - std::pow(config_.beta1, n)),
               .beta1 = config_.beta1,
               .beta2 = config_.beta2,
               .bias_correction2_sqrt = std::sqrt(1 - std::pow(config_.beta2, n)),
               .epsilon = config_.epsilon,
               .weight_decay_factor = 1};
    model.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
      s.weight_decay_factor = p.has_weight_decay() ? 1 - learning_rate * config_.weight_decay : 1;
      adam_update(Device{}, s, p.value(), p.grad(), p.first_moment(), p.second_moment());
    });
  }
  template <class Model>
  void step(Model& model) {
    step(model, config_.learning_rate);
  }

  const AdamConfig& config() const { return config_; }

  /// Steps so far: the one number that a checkpoint must keep beside the moments.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  AdamConfig config_;
  std::int64_t steps_ = 0;
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Settings of dynamic evaluation: how a model goes on learning from the music that it reads.
#pragma once

#include "piano/run/json_keys.hpp"

#include <nlohmann/json.hpp>

namespace piano {

/// The defaults suit a regularised model of two minutes of training; `piano train` tunes them for its own.
struct AdaptationSettings {
  int window = 32;              ///< tokens between two steps of the optimiser
  double learning_rate = 5e-4;  ///< of Adam without a first moment
  double pull = 0.001;          ///< fraction of the way back to the trained weights after each step, in [0, 1]

  static constexpr double kBeta2 = 0.99;  ///< Adam's decay rate of squared gradients
  static constexpr double kClip = 1;      ///< largest norm of the gradient

  nlohmann::json to_json() const { return {{"window", window}, {"learning_rate", learning_rate}, {"pull", pull}}; }
  /// Throws std::runtime_error that names the key.
  static AdaptationSettings from_json(const nlohmann::json& json) {
    AdaptationSettings s;
    read_value(json, "window", s.window);
    read_value(json, "learning_rate", s.learning_rate);
    read_value(json, "pull", s.pull);
    if (s.window < 1) throw std::runtime_error("key \"window\" is less than 1");
    return s;
  }
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// Settings of training in several processes, for slow networks. They change the result, so a run keeps them.
#pragma once

#include "piano/run/json_keys.hpp"

#include <rondo/core/precision.hpp>

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>

namespace piano {

struct Distribution {
  int accumulate = 1;                                   ///< batches of a step of the optimiser
  rondo::Precision precision = rondo::Precision::fp32;  ///< of gradients on the network: fp32 or bf16
  int local_steps = 0;             ///< steps of a rank on its own between averages of weights; 0: none
  double outer_learning_rate = 1;  ///< of the averages: 1 and 0 are plain means
  double outer_momentum = 0;

  nlohmann::json to_json() const {
    return {{"accumulate", accumulate},
            {"precision", name(precision)},
            {"local_steps", local_steps},
            {"outer_learning_rate", outer_learning_rate},
            {"outer_momentum", outer_momentum}};
  }
  /// Throws std::runtime_error that names the key.
  static Distribution from_json(const nlohmann::json& settings) {
    Distribution d;
    std::string precision;
    read_value(settings, "accumulate", d.accumulate);
    read_value(settings, "precision", precision);
    read_value(settings, "local_steps", d.local_steps);
    read_value(settings, "outer_learning_rate", d.outer_learning_rate);
    read_value(settings, "outer_momentum", d.outer_momentum);
    const auto found = rondo::precision_named(precision);
    if (!found) throw std::runtime_error("key \"precision\": there is no precision " + precision);
    d.precision = *found;
    if (d.accumulate < 1) throw std::runtime_error("key \"accumulate\" is less than 1");
    return d;
  }
};

}  // namespace piano

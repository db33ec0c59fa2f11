// SPDX-License-Identifier: MIT
// Settings of dynamic evaluation as JSON: {window, learning_rate, pull}.
#pragma once

#include "piano/adaptation/settings.hpp"
#include "piano/run/json_keys.hpp"

#include <nlohmann/json.hpp>

namespace piano {

inline nlohmann::json to_json(const AdaptationSettings& s) {
  return {{"window", s.window}, {"learning_rate", s.learning_rate}, {"pull", s.pull}};
}

/// Throws std::runtime_error that names the key.
inline AdaptationSettings adaptation_settings(const nlohmann::json& settings) {
  AdaptationSettings s;
  read_value(settings, "window", s.window);
  read_value(settings, "learning_rate", s.learning_rate);
  read_value(settings, "pull", s.pull);
  if (s.window < 1) throw std::runtime_error("key \"window\" is less than 1");
  return s;
}

}  // namespace piano

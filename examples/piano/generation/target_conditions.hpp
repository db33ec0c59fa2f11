// SPDX-License-Identifier: MIT
// Condition values that the user sets for new music, instead of those of the primer.
#pragma once

#include <rondo/music/condition.hpp>
#include <rondo/music/key.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace piano {

struct TargetConditions {
  double notes_per_second = 0;  // 0: not set
  std::string key;              // "F# minor"; empty: not set

  /// `values`, with those that are set replaced.
  rondo::music::ConditionValues apply(rondo::music::ConditionValues values) const {
    if (notes_per_second > 0) values.density = static_cast<std::int8_t>(rondo::music::density_bin(notes_per_second));
    if (!key.empty()) values.key = static_cast<std::int8_t>(rondo::music::key_named(key));
    return values;
  }

  /// Whether a model with these conditions can use all that are set.
  bool supported_by(const rondo::music::Conditions& conditions) const {
    return (notes_per_second <= 0 || conditions.notes_per_second) && (key.empty() || conditions.key);
  }

  /// {notes_per_second, key}; null: not set.
  nlohmann::json to_json() const {
    using nlohmann::json;
    return {{"notes_per_second", notes_per_second > 0 ? json(notes_per_second) : json()},
            {"key", key.empty() ? json() : json(key)}};
  }
};

}  // namespace piano

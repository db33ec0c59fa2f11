// SPDX-License-Identifier: MIT
// Values of a JSON object by key, with messages for users: what the JSON library says itself is for programmers.
#pragma once

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>

namespace piano {

/// The value of `key`. Throws std::runtime_error: `key "pedal" is missing`.
inline const nlohmann::json& value_of(const nlohmann::json& object, const std::string& key) {
  if (!object.is_object()) throw std::runtime_error("key \"" + key + "\" is missing: this is not a JSON object");
  const auto found = object.find(key);
  if (found == object.end()) throw std::runtime_error("key \"" + key + "\" is missing");
  return *found;
}

/// Sets `to` to the value of `key`. Throws std::runtime_error if it is missing or of another type.
template <class T>
void read_value(const nlohmann::json& object, const std::string& key, T& to) {
  const nlohmann::json& value = value_of(object, key);
  try {
    value.get_to(to);
  } catch (const nlohmann::json::exception&) {
    throw std::runtime_error("key \"" + key + "\" has a value of the wrong type: " + value.dump());
  }
}

/// Refuses the former name of a key: `key "best_valid" is now "best_valid_nll"`.
inline void refuse_renamed_key(const nlohmann::json& object, const std::string& former, const std::string& name) {
  if (object.is_object() && object.contains(former))
    throw std::runtime_error("key \"" + former + "\" is now \"" + name + "\"; rename it, or train again");
}

/// Parses a whole text. Throws std::runtime_error if it is not JSON.
inline nlohmann::json parse_json(const std::string& text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    throw std::runtime_error("is not JSON, at byte " + std::to_string(e.byte));
  }
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// A PyTorch state dict as JSON: names with nested lists of numbers, as RTNeural's Python script writes it. The modules
// run in the order of the file.
#pragma once

#include <rondo/io/formats/state_dict.hpp>
#include <rondo/io/json_document.hpp>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Adds the tensors of a JSON object. Throws file_error for a value that is no array of numbers.
inline void add_state_dict(const JsonValue& object, Safetensors& weights) {
  if (!object.is(JsonValue::Kind::object)) throw file_error("the state dict is not an object");
  for (const auto& [name, value] : object.entries) {
    if (!value.is(JsonValue::Kind::numbers)) throw file_error("tensor " + name + " is not an array of numbers");
    add_exact(weights, name, value.shape, value.numbers);
  }
}

inline ModelDescription read_state_dict_json(const JsonValue& file) {
  ModelDescription model{.format = "PyTorch state dict as JSON"};
  add_state_dict(file, model.weights);
  std::vector<std::string> names;
  for (const auto& [name, value] : file.entries) names.push_back(name);
  set_modules(model, &names);
  return model;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

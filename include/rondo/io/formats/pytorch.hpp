// SPDX-License-Identifier: MIT
// PyTorch state dicts as safetensors files, and the files of this library, which have the same names and shapes. The
// metadata may hold "rondo.modules", the order of the modules with their activations, and a self-test
// ("rondo.test_input", "rondo.test_output": lists of numbers); see docs/12-model-files.md.
#pragma once

#include <rondo/io/formats/state_dict.hpp>
#include <rondo/io/json_document.hpp>

#include <string>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// The numbers of a metadata entry that is a JSON list. Throws file_error.
inline std::vector<double> numbers_of_entry(const std::string& key, const std::string& text) {
  const JsonValue document = parse_json_document("{\"list\":" + text + "}");
  const JsonValue* list = document.find("list");
  if (!list->is(JsonValue::Kind::numbers)) throw file_error("metadata " + key + " is no list of numbers");
  return list->numbers;
}

inline ModelDescription read_pytorch(Safetensors file) {
  ModelDescription model{.format = "PyTorch state dict (safetensors)"};
  std::erase_if(file.tensors, [](const auto& entry) { return entry.first.starts_with("training."); });
  model.weights = std::move(file);
  set_modules(model);
  const auto& metadata = model.weights.metadata;
  const auto x = metadata.find("rondo.test_input"), y = metadata.find("rondo.test_output");
  if (x != metadata.end() && y != metadata.end())
    model.self_test =
        SelfTest{numbers_of_entry(x->first, x->second), numbers_of_entry(y->first, y->second), 0, model.modules.size()};
  return model;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

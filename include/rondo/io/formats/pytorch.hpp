// SPDX-License-Identifier: MIT
// PyTorch state dicts as safetensors files, and the files of this library, which have the same names and shapes. The
// metadata may hold "rondo.modules", the order of the modules with their activations, "rondo.sample_rate" in Hz, and a
// self-test ("rondo.test_input", "rondo.test_output": lists of numbers); see docs/12-model-files.md.
#pragma once

#include <rondo/io/formats/state_dict.hpp>
#include <rondo/io/json_document.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

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
  if (const auto rate = metadata.find("rondo.sample_rate"); rate != metadata.end())
    model.sample_rate = std::strtod(rate->second.c_str(), nullptr);
  return model;
}

}  // namespace detail

/// Writes a model as a safetensors file that PyTorch loads with strict=True. A second bias that the model does not have
/// is written as zeros. The metadata holds the order of the modules, with gains, skip connections and activations, and
/// the self-test. An initial state is written as h0_l0, c0_l0, ...; torch.nn.LSTM has no such parameter. Throws
/// file_error.
inline void write_pytorch(const std::filesystem::path& path, const ModelDescription& model) {
  Safetensors file = model.weights;
  for (const Module& module : model.modules)
    if (const auto* recurrent = std::get_if<RecurrentModule>(&module.part))
      for (const detail::WantedTensor& tensor : detail::wanted_tensors(*recurrent))
        if (const std::string name = detail::tensor_name(module, tensor.name); !file.tensors.contains(name))
          detail::add_exact(file, name, tensor.shape, std::vector<double>(static_cast<std::size_t>(tensor.shape[0])));
  if (model.modules.size() > 1) file.metadata["rondo.modules"] = detail::module_list(model);
  if (model.takes_tokens() && model.input() > 1) file.metadata["rondo.ids_per_step"] = std::to_string(model.input());
  if (model.sample_rate > 0) file.metadata["rondo.sample_rate"] = nlohmann::json(model.sample_rate).dump();
  if (const auto& test = model.self_test; test && test->first_module == 0 && test->modules == model.modules.size()) {
    file.metadata["rondo.test_input"] = nlohmann::json(test->input).dump();
    file.metadata["rondo.test_output"] = nlohmann::json(test->output).dump();
  }
  file.write(path);
}

}  // namespace rondo::inline RONDO_ABI

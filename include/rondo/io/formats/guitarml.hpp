// SPDX-License-Identifier: MIT
// GuitarML's JSON: one LSTM or GRU ("rec") and a linear layer ("lin") with PyTorch's tensors, optionally with the input
// added to the output. Inputs beyond the first are positions of knobs.
#pragma once

#include <rondo/io/formats/state_dict_json.hpp>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline ModelDescription read_guitarml(const JsonValue& file) {
  const JsonValue& data = at(file, "model_data", "GuitarML JSON");
  ModelDescription model{.format = "GuitarML JSON"};
  add_state_dict(at(file, "state_dict", "GuitarML JSON"), model.weights);

  constexpr const char* kWhere = "model_data";
  const std::string& unit = text_at(data, "unit_type", kWhere);
  if (unit != "LSTM" && unit != "GRU")
    throw file_error("model_data: unit_type is \"" + unit + "\", wanted LSTM or GRU");
  const Index outputs = size_at(data, "output_size", kWhere), hidden = size_at(data, "hidden_size", kWhere);
  RecurrentConfig config{.input = size_at(data, "input_size", kWhere), .hidden = hidden};
  config.layers = data.find("num_layers") ? size_at(data, "num_layers", kWhere) : 1;
  config.bias = model.weights.tensors.contains("rec.bias_ih_l0");
  model.modules.push_back({"rec", RecurrentModule{unit == "GRU" ? CellType::gru : CellType::lstm, config}});
  model.modules.push_back(
      {"lin", LinearModule{{.input = hidden, .output = outputs, .bias = number_at(data, "bias_fl", kWhere, 1) != 0}}});
  if (number_at(data, "skip", kWhere, 0) != 0) model.modules.push_back({"skip", SkipModule{}});
  model.sample_rate = number_at(data, "sample_rate", kWhere, 0);
  return model;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

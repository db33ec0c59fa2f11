// SPDX-License-Identifier: MIT
// Rounds matrices to 8-bit integers with one scale for each row, for the weights of microcontrollers.
#pragma once

#include <rondo/io/model_description.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// A row w = scale * q, |q| <= 127.
struct Int8Row {
  float scale = 0;
  std::vector<std::int8_t> q = {};
};

/// The row as integers. Of scales near (largest |w|) / 127, the one with the smallest sum of squared errors.
inline Int8Row round_to_int8(const double* w, std::size_t count) {
  double largest = 0;
  for (std::size_t n = 0; n < count; ++n) largest = std::max(largest, std::abs(w[n]));
  Int8Row best{1, std::vector<std::int8_t>(count)};
  if (largest == 0) return best;
  double least = INFINITY;
  for (int step = 0; step <= 200; ++step) {
    const auto scale = static_cast<float>(largest / (100 + 0.2 * step));
    Int8Row row{scale, {}};
    double error = 0;
    for (std::size_t n = 0; n < count; ++n) {
      const double q = std::clamp(std::nearbyint(w[n] / static_cast<double>(scale)), -127.0, 127.0);
      error += std::pow(w[n] - q * static_cast<double>(scale), 2);
      row.q.push_back(static_cast<std::int8_t>(q));
    }
    if (error < least) least = error, best = std::move(row);
  }
  return best;
}

/// Whether W of layer `layer` with this many inputs becomes int8: LayerTypes in embedded/weights.hpp has this rule,
/// too.
inline bool has_int8_inputs(Index layer, Index inputs) { return layer > 0 || inputs > 4; }

/// The model with W and R of its recurrent layers rounded to int8, as numbers.
inline ModelDescription with_int8_weights(ModelDescription model) {
  const auto round = [&](const std::string& name) {
    auto& tensor = model.weights.tensors.at(name);
    std::vector<double> values = Safetensors::values<double>(name, tensor);
    const auto columns = static_cast<std::size_t>(tensor.shape.at(1));
    for (std::size_t first = 0; first < values.size(); first += columns) {
      const Int8Row row = round_to_int8(&values[first], columns);
      for (std::size_t n = 0; n < columns; ++n)
        values[first + n] = static_cast<double>(row.scale) * static_cast<double>(row.q[n]);
    }
    const std::vector<Index> shape = tensor.shape;
    model.weights.tensors.erase(name);
    model.weights.add<double>(name, shape, values);
  };
  for (const Module& module : model.modules)
    if (const auto* recurrent = std::get_if<RecurrentModule>(&module.part))
      for (Index l = 0; l < recurrent->config.layers; ++l) {
        const std::string end = "_l" + std::to_string(l);
        if (has_int8_inputs(l, recurrent->config.input)) round(tensor_name(module, "weight_ih" + end));
        round(tensor_name(module, "weight_hh" + end));
      }
  return model;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

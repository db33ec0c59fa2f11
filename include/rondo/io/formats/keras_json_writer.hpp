// SPDX-License-Identifier: MIT
// Writes RTNeural's JSON of Keras models; see keras_json.hpp.
#pragma once

#include <rondo/io/model_description.hpp>
#include <rondo/io/replace_file.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

class KerasJsonWriter {
 public:
  explicit KerasJsonWriter(const ModelDescription& model) : model_(model) {}

  nlohmann::json write() {
    file_["in_shape"] = {nullptr, nullptr, model_.input()};
    file_["layers"] = nlohmann::json::array();
    for (std::size_t n = 0; n < model_.modules.size(); ++n) {
      module_ = &model_.modules[n];
      std::visit([&](const auto& part) { add(part, n); }, module_->part);
    }
    if (model_.sample_rate > 0) file_["samplerate"] = nlohmann::json(model_.sample_rate).dump();
    if (model_.self_test) {
      file_["input_batch"] = model_.self_test->input;
      file_["output_batch"] = model_.self_test->output;
    }
    return std::move(file_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw file_error("module " + module_->name + ": RTNeural's JSON has no " + what);
  }

  /// A tensor of this module (rows x cols), as double.
  std::vector<double> values(const std::string& name) const {
    const std::string full = tensor_name(*module_, name);
    const auto found = model_.weights.tensors.find(full);
    return found == model_.weights.tensors.end() ? std::vector<double>{}
                                                 : Safetensors::values<double>(full, found->second);
  }

  /// The transpose of a matrix with `cols` columns whose blocks of H rows are put in this order.
  static nlohmann::json transposed(const std::vector<double>& a, Index cols, Index H, const std::vector<Index>& order) {
    nlohmann::json rows = nlohmann::json::array();
    for (Index k = 0; k < cols; ++k) {
      std::vector<double> row;
      for (Index g : order)
        for (Index u = 0; u < H; ++u) row.push_back(a[static_cast<std::size_t>((g * H + u) * cols + k)]);
      rows.push_back(row);
    }
    return rows;
  }
  static std::vector<double> blocks(const std::vector<double>& a, Index H, const std::vector<Index>& order) {
    std::vector<double> to;
    for (Index g : order) to.insert(to.end(), a.begin() + g * H, a.begin() + (g + 1) * H);
    return to;
  }

  void add_layer(const char* type, const std::string& activation, Index outputs, nlohmann::json weights) {
    file_["layers"].push_back({{"type", type},
                               {"activation", activation},
                               {"shape", {nullptr, nullptr, outputs}},
                               {"weights", std::move(weights)}});
  }

  void add(const RecurrentModule& m, std::size_t) {
    const RecurrentConfig& c = m.config;
    if (m.cell == CellType::peephole_lstm) refuse("peepholes");
    if (c.bidirectional) refuse("second direction");
    if (c.projection > 0) refuse("projection");
    if (c.learned_initial_state) refuse("initial state");
    const bool gru = m.cell == CellType::gru;
    const std::vector<Index> order = gru ? std::vector<Index>{1, 0, 2} : std::vector<Index>{0, 1, 2, 3};
    const Index H = c.hidden, G = static_cast<Index>(order.size());
    for (Index l = 0; l < c.layers; ++l) {
      const std::string end = "_l" + std::to_string(l);
      std::vector<double> b = values("bias_ih" + end), b_R = values("bias_hh" + end);
      b.resize(static_cast<std::size_t>(G * H)), b_R.resize(b.size());
      nlohmann::json weights{transposed(values("weight_ih" + end), l == 0 ? c.input : H, H, order),
                             transposed(values("weight_hh" + end), H, H, order)};
      if (gru) {
        weights.push_back({blocks(b, H, order), blocks(b_R, H, order)});
      } else {
        for (std::size_t n = 0; n < b.size(); ++n) b[n] += b_R[n];
        weights.push_back(b);
      }
      add_layer(gru ? "gru" : "lstm", "", H, std::move(weights));
    }
  }

  void add(const LinearModule& m, std::size_t) {
    const Index C = m.config.input, K = m.config.output;
    std::vector<double> b = values("bias");
    b.resize(static_cast<std::size_t>(K));
    add_layer("dense", "", K, {transposed(values("weight"), C, K, {0}), b});
  }

  /// Becomes the activation of the dense layer before, or a layer of its own.
  void add(const ActivationModule& m, std::size_t) {
    auto& layers = file_["layers"];
    if (!layers.empty() && layers.back()["type"] == "dense" && layers.back()["activation"] == "") {
      layers.back()["activation"] = name(m.activation);
      return;
    }
    if (layers.empty()) refuse("activation before the first layer");
    const Index features = layers.back()["shape"][2].get<Index>();
    add_layer("activation", name(m.activation), features, nlohmann::json::array());
  }

  void add(const EmbeddingModule&, std::size_t) { refuse("embedding"); }

  void add(const GainModule& m, std::size_t n) {
    const bool first = n == 0, last = n + 1 == model_.modules.size();
    if ((!first && !last) || m.factor <= 0) refuse("gain between layers");
    file_[first ? "in_gain" : "out_gain"] = 20 * std::log10(m.factor);
  }

  void add(const SkipModule& m, std::size_t n) {
    const bool after_layers =
        n + 1 == model_.modules.size() ||
        (n + 2 == model_.modules.size() && std::holds_alternative<GainModule>(model_.modules.back().part));
    const std::size_t start = std::holds_alternative<GainModule>(model_.modules.front().part) ? 1 : 0;
    if (!after_layers || m.from != start) refuse("skip connection between layers");
    file_["in_skip"] = 1;
  }

  const ModelDescription& model_;
  const Module* module_ = nullptr;
  nlohmann::json file_ = nlohmann::json::object();
};

}  // namespace detail

/// Writes a model as RTNeural's Keras JSON, with gains and a skip connection as AIDA-X has them. Throws file_error that
/// names a module which the format cannot hold (second direction, projection, initial state, peepholes, embedding).
inline void write_keras_json(const std::filesystem::path& path, const ModelDescription& model) {
  replace_file(path, detail::KerasJsonWriter(model).write().dump(1) + "\n");
}

}  // namespace rondo::inline RONDO_ABI

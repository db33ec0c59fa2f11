// SPDX-License-Identifier: MIT
// RTNeural's JSON of Keras models, also that of AIDA-X, which adds gains in decibels, a skip connection and a
// self-test. Layers: dense, time-distributed-dense, lstm, gru, activation. Keras has the transposes of PyTorch's
// matrices; the gates of its LSTM have PyTorch's order (i, f, c, o), those of its GRU are z, r, h.
#pragma once

#include <rondo/io/formats/state_dict.hpp>
#include <rondo/io/json_document.hpp>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// An array of this shape as its transpose (out x in), with the G blocks of `out` in this order. Throws file_error.
inline std::vector<double> transposed_blocks(const JsonValue& from, Index in, Index out,
                                             const std::vector<Index>& order, const std::string& who) {
  if (!from.is(JsonValue::Kind::numbers) || from.shape != std::vector<Index>{in, out})
    throw file_error(who + " is " + (from.shape.empty() ? "no matrix" : extents_text(from.shape)) + ", wanted " +
                     extents_text({in, out}));
  const Index block = out / static_cast<Index>(order.size());
  std::vector<double> to;
  to.reserve(from.numbers.size());
  for (Index g : order)
    for (Index row = g * block; row < (g + 1) * block; ++row)
      for (Index k = 0; k < in; ++k) to.push_back(from.numbers[static_cast<std::size_t>(k * out + row)]);
  return to;
}

/// The extents of a matrix. Throws file_error.
inline std::pair<Index, Index> matrix_extents(const JsonValue& a, const std::string& who) {
  if (!a.is(JsonValue::Kind::numbers) || a.shape.size() != 2) throw file_error(who + " is no matrix of numbers");
  return {a.shape[0], a.shape[1]};
}

class KerasJsonReader {
 public:
  explicit KerasJsonReader(const JsonValue& file) : file_(file) {}

  ModelDescription read() {
    model_.format = "RTNeural Keras JSON";
    check_input();
    gain("in_gain");
    const std::size_t first = model_.modules.size();
    const JsonValue& layers = at(file_, "layers", "Keras JSON");
    if (layers.entries.empty()) throw file_error("Keras JSON: \"layers\" is empty");
    for (const auto& [unused, layer] : layers.entries) add_layer(layer);
    if (Index C = inputs_of(model_.modules[first]); wanted_inputs_ > 0 && C > 0 && C != wanted_inputs_)
      throw file_error(concat("Keras JSON: \"in_shape\" says ", wanted_inputs_, " inputs, the first layer has ", C));
    const std::size_t count = model_.modules.size() - first;
    if (number_at(file_, "in_skip", "Keras JSON", 0) != 0) model_.modules.push_back({"skip", SkipModule{first}});
    gain("out_gain");
    self_test(first, count);
    model_.sample_rate = sample_rate();
    return std::move(model_);
  }

 private:
  void check_input() {
    const JsonValue* shape = file_.find("in_shape");
    if (!shape || shape->entries.empty() || !shape->entries.back().second.is(JsonValue::Kind::number)) return;
    if (is_count(shape->entries.back().second.number))
      wanted_inputs_ = static_cast<Index>(shape->entries.back().second.number);
  }

  void gain(const char* key) {
    const double decibels = number_at(file_, key, "Keras JSON", 0);
    if (decibels != 0) model_.modules.push_back({key, GainModule{std::pow(10.0, decibels / 20)}});
  }

  void add_layer(const JsonValue& layer) {
    const std::string type = text_at(layer, "type", "a layer of the Keras JSON");
    const std::string name = type + std::to_string(number_++);
    const JsonValue* activation = layer.find("activation");
    const std::string function = activation && activation->is(JsonValue::Kind::text) ? activation->text : "";
    if (type == "activation") return add_activation(function, name);
    if (type != "dense" && type != "time-distributed-dense" && type != "lstm" && type != "gru")
      throw file_error("layer " + name + ": layers of type \"" + type +
                       "\" are not supported; supported are dense, time-distributed-dense, lstm, gru, activation");
    const std::vector<JsonValue> weights = at(layer, "weights", name.c_str()).elements();
    const bool recurrent = type == "lstm" || type == "gru";
    const std::size_t least = recurrent ? 2 : 1;
    if (weights.size() < least || weights.size() > least + 1)
      throw file_error(concat("layer ", name, " has ", weights.size(), " weights, wanted ", least, " or ", least + 1));
    if (recurrent)
      add_recurrent(type == "gru", name, weights, function);
    else
      add_dense(name, weights, function);
    check_outputs(layer, name);
  }

  void check_outputs(const JsonValue& layer, const std::string& name) {
    const JsonValue* shape = layer.find("shape");
    if (!shape || shape->entries.empty() || !shape->entries.back().second.is(JsonValue::Kind::number)) return;
    if (shape->entries.back().second.number != static_cast<double>(outputs_))
      throw file_error(concat("layer ", name, ": \"shape\" says ", shape->entries.back().second.number,
                              " outputs, its weights have ", outputs_));
  }

  void add_dense(const std::string& name, const std::vector<JsonValue>& weights, const std::string& function) {
    const auto [C, K] = matrix_extents(weights[0], name + ": the kernel");
    const bool bias = weights.size() == 2;
    add_exact(model_.weights, name + ".weight", {K, C},
              transposed_blocks(weights[0], C, K, {0}, name + ": the kernel"));
    if (bias) add_vector(name + ".bias", weights[1], K);
    model_.modules.push_back({name, LinearModule{{C, K, bias}}});
    outputs_ = K;
    if (!function.empty() && function != "linear") add_activation(function, name + "_" + function);
  }

  void add_recurrent(bool gru, const std::string& name, const std::vector<JsonValue>& weights,
                     const std::string& function) {
    if (!function.empty() && function != "tanh")
      throw file_error("layer " + name + ": the activation \"" + function + "\" is not supported, only tanh");
    const Index G = gru ? 3 : 4;
    const auto [H, rows] = matrix_extents(weights[1], name + ": the recurrent kernel");
    const Index C = matrix_extents(weights[0], name + ": the kernel").first;
    if (rows != G * H)
      throw file_error(name + ": the recurrent kernel is " + extents_text({H, rows}) + ", wanted H x " +
                       std::to_string(G) + "H");
    const std::vector<Index> order = gru ? std::vector<Index>{1, 0, 2} : std::vector<Index>{0, 1, 2, 3};
    add_exact(model_.weights, name + ".weight_ih_l0", {G * H, C},
              transposed_blocks(weights[0], C, G * H, order, name + ": the kernel"));
    add_exact(model_.weights, name + ".weight_hh_l0", {G * H, H},
              transposed_blocks(weights[1], H, G * H, order, name + ": the recurrent kernel"));
    const bool bias = weights.size() == 3;
    if (bias) add_biases(name, weights[2], gru, H, order);
    model_.modules.push_back(
        {name, RecurrentModule{gru ? CellType::gru : CellType::lstm, {.input = C, .hidden = H, .bias = bias}}});
    outputs_ = H;
  }

  /// An LSTM has one bias (4H); a GRU with reset_after has two (2 x 3H), without it one, which is another cell.
  void add_biases(const std::string& name, const JsonValue& from, bool gru, Index H, const std::vector<Index>& order) {
    if (!gru) return add_vector(name + ".bias_ih_l0", from, 4 * H);
    if (!from.is(JsonValue::Kind::numbers) || from.shape != std::vector<Index>{2, 3 * H})
      throw file_error(name + ": the bias is " + (from.shape.empty() ? "no matrix" : extents_text(from.shape)) +
                       ", wanted " + extents_text({2, 3 * H}) + " (reset_after)");
    for (Index n = 0; n < 2; ++n) {
      std::vector<double> b;
      for (Index g : order)
        for (Index u = 0; u < H; ++u) b.push_back(from.numbers[static_cast<std::size_t>((n * 3 + g) * H + u)]);
      add_exact(model_.weights, name + (n == 0 ? ".bias_ih_l0" : ".bias_hh_l0"), {3 * H}, b);
    }
  }

  void add_vector(const std::string& name, const JsonValue& from, Index size) {
    if (!from.is(JsonValue::Kind::numbers) || from.shape != std::vector<Index>{size})
      throw file_error(name + " is " + (from.shape.empty() ? "no vector" : extents_text(from.shape)) + ", wanted " +
                       std::to_string(size));
    add_exact(model_.weights, name, {size}, from.numbers);
  }

  void add_activation(const std::string& function, const std::string& name) {
    const auto activation = activation_named(function);
    if (!activation)
      throw file_error("layer " + name + ": the activation \"" + function +
                       "\" is not supported; supported are tanh, sigmoid, relu, elu, softplus");
    model_.modules.push_back({name, ActivationModule{*activation}});
  }

  void self_test(std::size_t first, std::size_t count) {
    const JsonValue *x = file_.find("input_batch"), *y = file_.find("output_batch");
    if (!x || !y) return;
    if (!x->is(JsonValue::Kind::numbers) || !y->is(JsonValue::Kind::numbers))
      throw file_error("Keras JSON: input_batch and output_batch are not arrays of numbers");
    model_.self_test = SelfTest{x->numbers, y->numbers, first, count};
  }

  double sample_rate() const {
    const JsonValue* rate = file_.find("samplerate");
    if (const JsonValue* metadata = file_.find("metadata"); !rate && metadata) rate = metadata->find("samplerate");
    if (!rate) return 0;
    double value = rate->number;
    if (rate->is(JsonValue::Kind::text)) value = std::strtod(rate->text.c_str(), nullptr);
    return value > 0 && value < 1e7 ? value : 0;
  }

  const JsonValue& file_;
  ModelDescription model_;
  int number_ = 0;
  Index wanted_inputs_ = 0, outputs_ = 0;
};

inline ModelDescription read_keras_json(const JsonValue& file) { return KerasJsonReader(file).read(); }

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

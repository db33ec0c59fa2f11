// SPDX-License-Identifier: MIT
// LSTM models of the Neural Amp Modeler (.nam): a JSON file whose weights are one list. For each layer the rows of
// [W R] (4H x (C + H)), the bias (4H), then the initial h and c (H each), which are the state after a second of
// silence; at the end the weights of the output (K x H) and its bias (K).
#pragma once

#include <rondo/io/json_document.hpp>
#include <rondo/io/model_description.hpp>

#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline ModelDescription read_nam(const JsonValue& file) {
  const std::string& architecture = text_at(file, "architecture", "nam");
  if (architecture != "LSTM")
    throw file_error("the architecture is \"" + architecture + "\", which is not supported; supported is LSTM");
  const JsonValue &config = at(file, "config", "nam"), &list = at(file, "weights", "nam");
  if (!list.is(JsonValue::Kind::numbers) || list.shape.size() != 1)
    throw file_error("nam: \"weights\" is not a list of numbers");
  const std::vector<double>& weights = list.numbers;
  const Index C = size_at(config, "input_size", "config"), H = size_at(config, "hidden_size", "config"),
              L = size_at(config, "num_layers", "config"),
              K = config.find("out_channels") ? size_at(config, "out_channels", "config") : 1;
  // In double, since sizes are at most 2^30.
  const double wanted = 4.0 * double(H) * double(C + H) + 6.0 * double(H) +
                        double(L - 1) * (8.0 * double(H) * double(H) + 6.0 * double(H)) + double(K) * double(H + 1);
  if (wanted != static_cast<double>(weights.size()))
    throw file_error(concat("nam: ", weights.size(), " weights, an LSTM of ", L, " layers with C = ", C, ", H = ", H,
                            ", K = ", K, " wants ", wanted));

  ModelDescription model{.format = "Neural Amp Modeler (.nam)"};
  auto next = weights.begin();
  const auto take = [&](Index count) {
    std::vector<double> values(next, next + count);
    next += count;
    return values;
  };
  for (Index l = 0; l < L; ++l) {
    const Index inputs = l == 0 ? C : H;
    const std::string end = "_l" + std::to_string(l);
    std::vector<double> W, R;
    for (Index row = 0; row < 4 * H; ++row) {
      for (double v : take(inputs)) W.push_back(v);
      for (double v : take(H)) R.push_back(v);
    }
    add_exact(model.weights, "lstm.weight_ih" + end, {4 * H, inputs}, W);
    add_exact(model.weights, "lstm.weight_hh" + end, {4 * H, H}, R);
    add_exact(model.weights, "lstm.bias_ih" + end, {4 * H}, take(4 * H));
    add_exact(model.weights, "lstm.h0" + end, {H}, take(H));
    add_exact(model.weights, "lstm.c0" + end, {H}, take(H));
  }
  add_exact(model.weights, "head.weight", {K, H}, take(K * H));
  add_exact(model.weights, "head.bias", {K}, take(K));
  model.modules = {
      {"lstm", RecurrentModule{CellType::lstm, {.input = C, .hidden = H, .layers = L, .learned_initial_state = true}}},
      {"head", LinearModule{{H, K}}}};
  const JsonValue* rate = file.find("sample_rate");
  model.sample_rate = rate && rate->is(JsonValue::Kind::number) && rate->number > 0 ? rate->number : 48000;
  return model;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

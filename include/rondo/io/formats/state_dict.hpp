// SPDX-License-Identifier: MIT
// A state dict of PyTorch: tensors by name. Which modules it holds follows from the names and the shapes, and their
// order from the order of the names, if that is known, or from sizes that fit. What a state dict does not say, such as
// activations between modules, comes from the entry "rondo.modules" of the metadata; see docs/12-model-files.md.
#pragma once

#include <rondo/io/json_document.hpp>
#include <rondo/io/model_description.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Splits "encoder.lstm.weight_ih_l0" at the last dot.
inline std::pair<std::string, std::string> split_tensor_name(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? std::pair{std::string(), name}
                                  : std::pair{name.substr(0, dot), name.substr(dot + 1)};
}

/// Extents of a tensor; empty if it does not exist.
inline std::vector<Index> shape_of(const Safetensors& weights, const std::string& name) {
  const auto found = weights.tensors.find(name);
  return found == weights.tensors.end() ? std::vector<Index>{} : found->second.shape;
}

/// The recurrent module with this prefix, from the shapes of its tensors. Throws file_error.
inline RecurrentModule recurrent_module(const Safetensors& weights, const std::string& prefix) {
  const Module named{prefix, SkipModule{}};
  const auto shape = [&](const std::string& tensor) { return shape_of(weights, tensor_name(named, tensor)); };
  const auto W = shape("weight_ih_l0"), R = shape("weight_hh_l0"), Q = shape("weight_hr_l0");
  const std::string who = "module " + (prefix.empty() ? "0" : prefix);
  if (W.size() != 2 || R.size() != 2 || W[0] != R[0])
    throw file_error(who + ": weight_ih_l0 is " + extents_text(W) + " and weight_hh_l0 is " + extents_text(R) +
                     ", wanted matrices with the same number of rows");
  RecurrentModule module;
  RecurrentConfig& c = module.config;
  c.input = W[1];
  c.hidden = Q.size() == 2 ? Q[1] : R[1];
  c.projection = Q.size() == 2 ? Q[0] : 0;
  if (c.hidden <= 0 || W[0] % c.hidden != 0) throw file_error(who + ": " + extents_text(R) + " are no gates of H rows");
  switch (W[0] / c.hidden) {
    case 4:
      module.cell = shape("peephole_l0").empty() ? CellType::lstm : CellType::peephole_lstm;
      break;
    case 3:
      module.cell = CellType::gru;
      break;
    case 1:
      throw file_error(who + " is a torch.nn.RNN (one gate), which is not supported; supported are LSTM and GRU");
    default:
      throw file_error(concat(who, " has ", W[0] / c.hidden, " gates; an LSTM has 4, a GRU 3"));
  }
  c.bias = !shape("bias_ih_l0").empty();
  c.bidirectional = !shape("weight_ih_l0_reverse").empty();
  c.learned_initial_state = !shape("h0_l0").empty();
  while (!shape("weight_ih_l" + std::to_string(c.layers)).empty()) ++c.layers;
  return module;
}

/// The modules whose tensors are in `weights`, by prefix. A two-dimensional `weight` is a linear layer, without `bias`
/// an embedding or a linear layer.
inline std::map<std::string, Module> modules_of(const Safetensors& weights) {
  std::map<std::string, Module> found;
  for (const auto& [name, tensor] : weights.tensors) {
    const auto [prefix, last] = split_tensor_name(name);
    if (found.contains(prefix)) continue;
    if (last == "weight_ih_l0") {
      found[prefix] = {prefix, recurrent_module(weights, prefix)};
    } else if (last == "weight" && tensor.shape.size() == 2) {
      const bool bias = !shape_of(weights, tensor_name({prefix, SkipModule{}}, "bias")).empty();
      found[prefix] = {prefix, LinearModule{{tensor.shape[1], tensor.shape[0], bias}}};
    }
  }
  return found;
}

inline Index inputs_of(const Module& module) {
  if (const auto* r = std::get_if<RecurrentModule>(&module.part)) return r->config.input;
  if (const auto* l = std::get_if<LinearModule>(&module.part)) return l->config.input;
  return 0;
}
inline Index outputs_of(const Module& module) {
  if (const auto* r = std::get_if<RecurrentModule>(&module.part)) return r->config.directions() * r->config.output();
  if (const auto* l = std::get_if<LinearModule>(&module.part)) return l->config.output;
  if (const auto* e = std::get_if<EmbeddingModule>(&module.part)) return e->features;
  return 0;
}

/// Whether the module can be an embedding: a weight without bias, read as V x D.
inline bool may_be_embedding(const Module& module) {
  const auto* linear = std::get_if<LinearModule>(&module.part);
  return linear && !linear->config.bias;
}
inline Module as_embedding(const Module& module) {
  const LinearConfig& c = std::get<LinearModule>(module.part).config;
  return {module.name, EmbeddingModule{c.output, c.input}};
}

/// Whether every linear layer comes after the recurrent modules.
inline bool ends_with_linear_layers(const std::vector<Module>& modules) {
  const auto first = std::ranges::find_if(
      modules, [](const Module& module) { return std::holds_alternative<LinearModule>(module.part); });
  return std::none_of(first, modules.end(),
                      [](const Module& module) { return std::holds_alternative<RecurrentModule>(module.part); });
}

/// The only order of the modules in which sizes fit; of several, the only one with the linear layers at the end, as in
/// a model from one feature to one. A weight without bias in the first place is an embedding. Throws file_error that
/// names the modules if there is no such order.
inline std::vector<Module> order_by_sizes(const std::map<std::string, Module>& found) {
  std::vector<Module> all;
  for (const auto& [name, module] : found) all.push_back(module);
  constexpr std::size_t kMost = 7;  // modules, of which all orders are tried
  std::string names;
  for (const Module& module : all) names += (names.empty() ? "" : ", ") + (module.name.empty() ? "0" : module.name);
  const auto fail = [&](const std::string& why) {
    throw file_error("the order of the modules " + names + " is not known: " + why +
                     "; name them in order in the metadata entry \"rondo.modules\"");
  };
  if (all.size() > kMost) fail("there are more than " + std::to_string(kMost));
  std::vector<std::size_t> order(all.size());
  for (std::size_t n = 0; n < order.size(); ++n) order[n] = n;
  std::vector<std::vector<Module>> fitting;
  do {
    std::vector<Module> chain;
    for (std::size_t n : order) chain.push_back(all[n]);
    if (chain.size() > 1 && may_be_embedding(chain[0])) chain[0] = as_embedding(chain[0]);
    bool fits = true;
    for (std::size_t n = 1; n < chain.size(); ++n) fits = fits && inputs_of(chain[n]) == outputs_of(chain[n - 1]);
    if (fits) fitting.push_back(std::move(chain));
  } while (std::ranges::next_permutation(order).found);
  if (fitting.empty()) fail("in no order do the sizes fit");
  if (fitting.size() > 1) std::erase_if(fitting, [](const auto& chain) { return !ends_with_linear_layers(chain); });
  if (fitting.size() != 1) fail("the sizes fit in several orders");
  return fitting[0];
}

inline std::optional<Activation> activation_named(std::string_view text) {
  for (Activation a : {Activation::tanh, Activation::sigmoid, Activation::relu, Activation::elu, Activation::softplus})
    if (text == name(a)) return a;
  return std::nullopt;
}

/// The number in "word(number)"; none for any other text.
inline std::optional<double> argument_of(std::string_view text, std::string_view word) {
  if (!text.starts_with(word) || !text.ends_with(')') || text.size() < word.size() + 3 || text[word.size()] != '(')
    return std::nullopt;
  const std::string digits(text.substr(word.size() + 1, text.size() - word.size() - 2));
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// The modules in the order of a list like "gain(2), lstm, tanh, fc, skip(1)": names of modules, activations, gains,
/// and skip connections from the point after so many modules.
inline std::vector<Module> order_by_list(std::map<std::string, Module> found, std::string_view list) {
  std::vector<Module> all;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view word = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (const auto at = found.find(std::string(word)); at != found.end()) {
      all.push_back(all.empty() && may_be_embedding(at->second) && found.size() > 1 ? as_embedding(at->second)
                                                                                    : at->second);
      found.erase(at);
    } else if (const auto activation = activation_named(word)) {
      all.push_back({std::string(word) + std::to_string(all.size()), ActivationModule{*activation}});
    } else if (const auto factor = argument_of(word, "gain")) {
      all.push_back({"gain" + std::to_string(all.size()), GainModule{*factor}});
    } else if (const auto from = argument_of(word, "skip"); from && is_count(*from)) {
      all.push_back({"skip" + std::to_string(all.size()), SkipModule{static_cast<std::size_t>(*from)}});
    } else {
      throw file_error("rondo.modules: \"" + std::string(word) + "\" is neither a module of this file nor one of " +
                       "tanh, sigmoid, relu, elu, softplus, gain(factor), skip(modules before)");
    }
  }
  if (!found.empty()) throw file_error("rondo.modules does not name the module " + found.begin()->first);
  return all;
}

/// The list that order_by_list reads. `model` has named modules, or a single one.
inline std::string module_list(const ModelDescription& model) {
  std::string list;
  for (const Module& module : model.modules) {
    std::string word = module.name;
    if (const auto* a = std::get_if<ActivationModule>(&module.part)) word = name(a->activation);
    if (const auto* g = std::get_if<GainModule>(&module.part)) word = "gain(" + nlohmann::json(g->factor).dump() + ")";
    if (const auto* s = std::get_if<SkipModule>(&module.part)) word = "skip(" + std::to_string(s->from) + ")";
    list += (list.empty() ? "" : ", ") + word;
  }
  return list;
}

/// Sets the ids per step of the embedding from the metadata entry "rondo.ids_per_step", if there is one.
inline void set_ids_per_step(ModelDescription& model) {
  const auto entry = model.weights.metadata.find("rondo.ids_per_step");
  if (entry == model.weights.metadata.end()) return;
  const std::string& digits = entry->second;
  auto* embedding = model.modules.empty() ? nullptr : std::get_if<EmbeddingModule>(&model.modules[0].part);
  if (embedding == nullptr) throw file_error("rondo.ids_per_step: the first module is no embedding");
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), embedding->ids_per_step);
  if (status != std::errc() || end != digits.data() + digits.size())
    throw file_error("rondo.ids_per_step is \"" + digits.substr(0, 100) + "\", wanted a number");
}

/// Sets the modules of `model` from its weights. `names`: the names of the tensors in the order of the file, if that
/// has a meaning.
inline void set_modules(ModelDescription& model, const std::vector<std::string>* names = nullptr) {
  const auto found = modules_of(model.weights);
  if (found.empty()) {
    std::string some;
    for (const auto& [name, tensor] : model.weights.tensors)
      if (some.size() < 100) some += (some.empty() ? "" : ", ") + name;
    throw file_error("no LSTM, GRU or linear layer among the tensors: " + (some.empty() ? "there is none" : some));
  }
  if (const auto list = model.weights.metadata.find("rondo.modules"); list != model.weights.metadata.end()) {
    model.modules = order_by_list(found, list->second);
  } else if (names) {
    std::set<std::string> added;
    for (const std::string& name : *names) {
      const std::string prefix = split_tensor_name(name).first;
      if (const auto at = found.find(prefix); at != found.end() && added.insert(prefix).second)
        model.modules.push_back(model.modules.empty() && found.size() > 1 && may_be_embedding(at->second)
                                    ? as_embedding(at->second)
                                    : at->second);
    }
  } else {
    model.modules = order_by_sizes(found);
  }
  set_ids_per_step(model);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

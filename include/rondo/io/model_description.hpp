// SPDX-License-Identifier: MIT
// A trained model as data: its modules, one after the other, and their weights under PyTorch's names. Readers of file
// formats (io/formats) produce it; InferenceModel and StreamingModel run it; read_weights fills a model of the user's
// with its weights. See docs/12-model-files.md. Legend: C input features, H hidden units, K outputs, V vocabulary.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/recurrent_config.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// The cells of models in files.
enum class CellType { lstm, gru, peephole_lstm };

/// Name of a cell type: "lstm", "gru", "peephole_lstm".
constexpr const char* name(CellType type) {
  constexpr const char* kNames[] = {"lstm", "gru", "peephole_lstm"};
  return kNames[static_cast<int>(type)];
}

/// Recurrent layers of one cell. Tensors: those of Recurrent<Cell>, which are those of torch.nn.LSTM and torch.nn.GRU;
/// peepholes peephole_l0 and an initial state h0_l0, c0_l0 where the configuration has them.
struct RecurrentModule {
  CellType cell = CellType::lstm;  ///< cell of all layers
  RecurrentConfig config;          ///< sizes; dropout has no effect
};

/// A linear layer. Tensors: weight (K, C), bias (K).
struct LinearModule {
  LinearConfig config;  ///< sizes, and whether it has a bias
};

/// An embedding of tokens, only as the first module; with several ids per step, the sum of their embeddings. Tensor:
/// weight (V, D).
struct EmbeddingModule {
  Index vocabulary = 0;    ///< V
  Index features = 0;      ///< D
  Index ids_per_step = 1;  ///< ids in each step; of several, those that are kNoToken add nothing
};

/// Element-wise functions.
enum class Activation { tanh, sigmoid, relu, elu, softplus };

/// Name of an activation: "tanh", "sigmoid", "relu", "elu", "softplus".
constexpr const char* name(Activation activation) {
  constexpr const char* kNames[] = {"tanh", "sigmoid", "relu", "elu", "softplus"};
  return kNames[static_cast<int>(activation)];
}

/// y = f(x) for each element.
struct ActivationModule {
  Activation activation = Activation::tanh;  ///< f
};

/// y = factor * x.
struct GainModule {
  double factor = 1;  ///< of the amplitude, not in decibels
};

/// Adds the first features of an earlier point of the model: y = x + (features 0..K-1 there).
struct SkipModule {
  std::size_t from = 0;  ///< 0: the input of the model; n: the output of module n - 1
};

/// One module with the prefix of its tensors' names; "" for a bare network.
struct Module {
  std::string name;  ///< prefix of its tensors
  /// What it is.
  std::variant<RecurrentModule, LinearModule, EmbeddingModule, ActivationModule, GainModule, SkipModule> part;
};

/// An input with the output that is expected for it, T steps of one sequence from a zero state (or the initial state of
/// the file). The model of the test may lack the last modules (gains, skip): `modules` is the number of those tested.
struct SelfTest {
  std::vector<double> input;     ///< T x C, row-major
  std::vector<double> output;    ///< T x K, row-major
  std::size_t first_module = 0;  ///< the first of the tested modules
  std::size_t modules = 0;       ///< number of tested modules
  double tolerance = 1e-5;       ///< largest difference that is accepted in float
};

namespace detail {

/// A tensor that a module has: its name within the module and its shape.
struct WantedTensor {
  std::string name;
  std::vector<Index> shape;
  bool optional = false;
};

inline std::vector<WantedTensor> wanted_tensors(const RecurrentModule& m) {
  const RecurrentConfig& c = m.config;
  const Index H = c.hidden, P = c.output(), G = m.cell == CellType::gru ? 3 : 4;
  std::vector<WantedTensor> all;
  for (Index l = 0; l < c.layers; ++l)
    for (Index d = 0; d < c.directions(); ++d) {
      const std::string end = "_l" + std::to_string(l) + (d == 1 ? "_reverse" : "");
      all.push_back({"weight_ih" + end, {G * H, l == 0 ? c.input : c.directions() * P}});
      all.push_back({"weight_hh" + end, {G * H, P}});
      if (c.bias) {
        all.push_back({"bias_ih" + end, {G * H}});
        all.push_back({"bias_hh" + end, {G * H}, m.cell != CellType::gru});
      }
      if (c.projection > 0) all.push_back({"weight_hr" + end, {P, H}});
      if (m.cell == CellType::peephole_lstm) all.push_back({"peephole" + end, {H, 3}});
      if (c.learned_initial_state) {
        all.push_back({"h0" + end, {P}});
        if (m.cell != CellType::gru) all.push_back({"c0" + end, {H}});
      }
    }
  return all;
}
inline std::vector<WantedTensor> wanted_tensors(const LinearModule& m) {
  std::vector<WantedTensor> all{{"weight", {m.config.output, m.config.input}}};
  if (m.config.bias) all.push_back({"bias", {m.config.output}});
  return all;
}
inline std::vector<WantedTensor> wanted_tensors(const EmbeddingModule& m) {
  return {{"weight", {m.vocabulary, m.features}}};
}
template <class Part>
std::vector<WantedTensor> wanted_tensors(const Part&) {
  return {};
}

/// Full name of a tensor of a module.
inline std::string tensor_name(const Module& module, const std::string& name) {
  return module.name.empty() ? name : module.name + "." + name;
}

/// The text with control characters, which names in files may have, as question marks.
inline std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 32; }, '?');
  return text;
}

/// Adds a tensor as float if that holds every value exactly, else as double.
inline void add_exact(Safetensors& file, const std::string& name, std::vector<Index> shape,
                      const std::vector<double>& values) {
  const bool exact = std::ranges::all_of(
      values, [](double v) { return std::isnan(v) || static_cast<double>(static_cast<float>(v)) == v; });
  if (exact) {
    const std::vector<float> floats(values.begin(), values.end());
    file.add<float>(name, std::move(shape), floats);
  } else {
    file.add<double>(name, std::move(shape), values);
  }
}

}  // namespace detail

/// A trained model as data.
struct ModelDescription {
  std::string format = {};                 ///< name of the file format, for people
  std::vector<Module> modules = {};        ///< in the order of computation
  Safetensors weights = {};                ///< tensors "<module>.<name>", and the metadata of the file
  double sample_rate = 0;                  ///< Hz, for audio; 0: unknown
  std::optional<SelfTest> self_test = {};  ///< of the file, if it carries one
  std::vector<std::string> warnings = {};  ///< e.g. tensors with NaN

  /// Whether the input is tokens.
  bool takes_tokens() const { return !modules.empty() && std::holds_alternative<EmbeddingModule>(modules[0].part); }

  /// Input features C; for tokens the ids per step.
  Index input() const {
    return takes_tokens() ? std::get<EmbeddingModule>(modules[0].part).ids_per_step : sizes().front();
  }
  /// Output features K.
  Index output() const { return sizes().back(); }
  /// Whether a StreamingModel can run it: no module is bidirectional, and the input is not tokens.
  bool streams() const {
    return !takes_tokens() && std::ranges::none_of(modules, [](const Module& module) {
      const auto* recurrent = std::get_if<RecurrentModule>(&module.part);
      return recurrent && recurrent->config.bidirectional;
    });
  }
  /// Number of values in the tensors.
  Index parameters() const {
    Index count = 0;
    for (const auto& [name, tensor] : weights.tensors) count += tensor.size();
    return count;
  }

  /// Throws file_error that lists every module whose input does not fit the module before, and every tensor that is
  /// missing, left over, or of another shape or type. Adds a warning for each tensor with NaN or infinity.
  void check() {
    detail::Problems problems;
    if (modules.empty()) problems.add("the file has no module");
    problems.add(chain_problem());
    problems.raise();
    std::set<std::string> unread;
    for (const auto& [name, tensor] : weights.tensors) unread.insert(name);
    for (const Module& module : modules)
      std::visit(
          [&](const auto& part) {
            for (const detail::WantedTensor& wanted : detail::wanted_tensors(part)) {
              const std::string full = detail::tensor_name(module, wanted.name);
              if (wanted.optional && !weights.tensors.contains(full)) continue;
              unread.erase(full);
              problems.add(detail::tensor_problem(weights, full, wanted.shape));
            }
          },
          module.part);
    for (const std::string& name : unread) problems.add("tensor " + name + " does not belong to a module");
    problems.raise();
    for (const auto& [name, tensor] : weights.tensors) {
      const auto values = Safetensors::values<double>(name, tensor);
      if (!std::ranges::all_of(values, [](double v) { return std::isfinite(v); }))
        warnings.push_back("tensor " + name + " has values that are not finite");
    }
  }

 private:
  /// Input and output features of a module; 0: any number, and the same.
  static std::pair<Index, Index> features(const Module& module) {
    return std::visit(
        []<class Part>(const Part& part) -> std::pair<Index, Index> {
          if constexpr (std::is_same_v<Part, RecurrentModule>)
            return {part.config.input, part.config.directions() * part.config.output()};
          else if constexpr (std::is_same_v<Part, LinearModule>)
            return {part.config.input, part.config.output};
          else if constexpr (std::is_same_v<Part, EmbeddingModule>)
            return {1, part.features};
          else
            return {0, 0};
        },
        module.part);
  }

  /// Number of features before the first module and after each module.
  std::vector<Index> sizes() const {
    std::vector<Index> all(1, 0);
    for (const Module& module : modules) {
      const auto [in, out] = features(module);
      if (all.size() == 1 || all.back() == 0) std::ranges::fill(all, in);
      all.push_back(out > 0 ? out : all.back());
    }
    return all;
  }

  std::string chain_problem() const {
    constexpr Index kLargest = Index{1} << 30, kMostIds = 1024;
    Index before = 0;
    for (const Module& module : modules) {
      const std::string who = "module " + (module.name.empty() ? "0" : module.name);
      if (const auto* recurrent = std::get_if<RecurrentModule>(&module.part)) {
        const RecurrentConfig& c = recurrent->config;
        if (std::max({c.input, c.hidden, c.layers, c.projection}) > kLargest) return who + " is too large";
        try {
          c.check(name(recurrent->cell));
        } catch (const shape_error& e) {
          return who + ": " + e.what();
        }
      }
      const auto [in, out] = features(module);
      if (in < 0 || out < 0 || in > kLargest || out > kLargest || (in == 0) != (out == 0))
        return who + " has " + std::to_string(in) + " inputs and " + std::to_string(out) + " outputs";
      if (const auto* embedding = std::get_if<EmbeddingModule>(&module.part)) {
        if (&module != &modules.front()) return who + " is an embedding, which can only be the first module";
        if (embedding->ids_per_step < 1 || embedding->ids_per_step > kMostIds)
          return who + " has " + std::to_string(embedding->ids_per_step) + " ids per step, wanted 1 to " +
                 std::to_string(kMostIds);
      }
      if (in > 0 && before > 0 && in != before)
        return who + " wants " + std::to_string(in) + " inputs, the module before has " + std::to_string(before) +
               " outputs";
      if (out > 0) before = out;
    }
    if (before == 0) return "no module has weights";
    const auto all = sizes();
    for (std::size_t n = 0; n < modules.size(); ++n)
      if (const auto* skip = std::get_if<SkipModule>(&modules[n].part)) {
        if (skip->from > n || (skip->from == 0 && takes_tokens()))
          return "a skip connection starts at no earlier point";
        if (all[n] > all[skip->from])
          return "a skip connection of " + std::to_string(all[n]) + " features starts at a point with " +
                 std::to_string(all[skip->from]);
      }
    return "";
  }
};

}  // namespace rondo::inline RONDO_ABI

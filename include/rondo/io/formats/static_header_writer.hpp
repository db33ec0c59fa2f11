// SPDX-License-Identifier: MIT
// Writes a model as a C++ header for microcontrollers: its weights as constants, a class Model with step(), and a
// self-test. The header includes rondo/embedded and nothing else. See docs/14-small-targets.md.
#pragma once

#include <rondo/io/formats/int8_rows.hpp>
#include <rondo/io/formats/static_header_text.hpp>
#include <rondo/io/inference_model.hpp>
#include <rondo/io/model_description.hpp>
#include <rondo/io/replace_file.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// How weights are stored in a header for microcontrollers.
enum class StaticPrecision {
  fp32,  ///< all as float
  int8,  ///< matrices of recurrent layers as 8-bit integers with a scale per row; W of up to four inputs stays float
};

/// What int8 weights change, in double, on 4000 steps of noise.
struct StaticHeaderReport {
  double largest_difference = 0;  ///< of the outputs
  double rms_db = 0;  ///< root mean square of the difference, relative to that of the outputs, in dB; 0 with fp32
};

namespace detail {

class StaticHeaderWriter {
 public:
  StaticHeaderWriter(const ModelDescription& model, StaticPrecision precision, std::string name)
      : original_(model), used_{model}, int8_(precision == StaticPrecision::int8), name_(std::move(name)) {}

  std::string write() {
    check();
    if (int8_) used_ = rounded_to_int8(original_);
    features_.push_back(used_.model.input());
    for (std::size_t n = 0; n < used_.model.modules.size(); ++n) {
      module_ = &used_.model.modules[n];
      features_.push_back(features_.back());
      std::visit([&](const auto& part) { add(part, std::to_string(n)); }, module_->part);
    }
    add_self_test();
    return text_.header(name_, used_.model.input(), used_.model.output(), comment());
  }

  StaticHeaderReport report() const { return report_; }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw file_error("module " + module_->name + ": the form for microcontrollers has no " + what);
  }

  /// Throws file_error for what the static form does not have.
  void check() {
    for (const Module& module : original_.modules) {
      module_ = &module;
      if (const auto* m = std::get_if<RecurrentModule>(&module.part)) {
        const RecurrentConfig& c = m->config;
        if (m->cell == CellType::peephole_lstm) refuse("peepholes");
        if (c.bidirectional) refuse("second direction");
        if (c.projection > 0) refuse("projection");
        if (c.layer_norm) refuse("layer norm");
        if (int8_ && std::max(c.hidden, c.input) > 512) refuse("int8 matrices of more than 512 columns");
      } else if (const auto* activation = std::get_if<ActivationModule>(&module.part)) {
        if (activation->activation == Activation::elu || activation->activation == Activation::softplus)
          refuse(name(activation->activation));
      } else if (std::holds_alternative<EmbeddingModule>(module.part)) {
        refuse("embedding");
      }
    }
    for (const auto& [name, tensor] : original_.weights.tensors)
      if (!std::ranges::all_of(Safetensors::values<float>(name, tensor), [](float v) { return std::isfinite(v); }))
        throw file_error("tensor " + name + " has values that are not finite in float");
  }

  /// A tensor of this module, as double; empty if it does not exist.
  std::vector<double> values(const std::string& name) const {
    const std::string full = tensor_name(*module_, name);
    const auto found = used_.model.weights.tensors.find(full);
    if (found == used_.model.weights.tensors.end()) return {};
    return Safetensors::values<double>(full, found->second);
  }

  /// A matrix with G gates of H rows, as braces of the type that LayerTypes chooses.
  std::string matrix(const std::string& name, Index G, Index H, Index columns, bool as_int8) const {
    const std::vector<double> w = values(name);
    const auto at = [&](Index u, Index g) { return &w[static_cast<std::size_t>((g * H + u) * columns)]; };
    if (!as_int8)
      return "{.w = " +
             braces(H,
                    [&](Index u) {
                      return braces(columns,
                                    [&](Index n) { return braces(G, [&](Index g) { return number(at(u, g)[n]); }); });
                    }) +
             "}";
    const std::vector<Int8Row>& rows = used_.rows.at(tensor_name(*module_, name));
    const auto row = [&](Index u, Index g) -> const Int8Row& { return rows[static_cast<std::size_t>(g * H + u)]; };
    const auto q = [&](Index u, Index g, Index n) {
      return std::to_string(n < columns ? static_cast<int>(row(u, g).q[static_cast<std::size_t>(n)]) : 0);
    };
    return "{.q = " +
           braces(H,
                  [&](Index u) {
                    return braces((columns + 3) / 4, [&](Index group) {
                      return braces(
                          G, [&](Index g) { return braces(4, [&](Index n) { return q(u, g, 4 * group + n); }); });
                    });
                  }) +
           ",\n.scale = " +
           braces(H,
                  [&](Index u) {
                    return braces(G, [&](Index g) { return number(static_cast<double>(row(u, g).scale) / 32767); });
                  }) +
           "}";
  }

  /// Biases of unit u by block: both together, except for n_h, n_x of the GRU.
  std::string biases(const RecurrentModule& m, const std::string& end) const {
    const Index H = m.config.hidden;
    std::vector<double> b = values("bias_ih" + end), b_R = values("bias_hh" + end);
    b.resize(static_cast<std::size_t>(4 * H)), b_R.resize(b.size());
    const bool gru = m.cell == CellType::gru;
    return braces(H, [&](Index u) {
      return braces(4, [&](Index block) {
        const auto row = static_cast<std::size_t>((gru ? std::min<Index>(block, 2) : block) * H + u);
        return number(gru && block == 2 ? b_R[row] : gru && block == 3 ? b[row] : b[row] + b_R[row]);
      });
    });
  }

  void add(const RecurrentModule& m, const std::string& n) {
    const RecurrentConfig& c = m.config;
    const Index H = c.hidden, G = m.cell == CellType::gru ? 3 : 4;
    const auto layer = [&](Index l) {
      const std::string end = "_l" + std::to_string(l);
      return "{.W = " + matrix("weight_ih" + end, G, H, l == 0 ? c.input : H, int8_ && has_int8_inputs(l, c.input)) +
             ",\n.R = " + matrix("weight_hh" + end, G, H, H, int8_) + ",\n.b = " + biases(m, end) + "}";
    };
    std::string weights = "{.layers = {.first = " + layer(0);
    if (c.layers > 1) weights += ",\n.rest = " + braces(c.layers - 1, [&](Index l) { return layer(l + 1); });
    const std::string cell = G == 3 ? "Gru" : "Lstm", sizes = concat(c.input, ", ", H, ", ", c.layers);
    text_.add_weights("Static" + cell, sizes + (int8_ ? ", int8_t" : ""), n, weights + "}}");
    if (c.learned_initial_state) add_initial_state(c, n, G == 4);
    features_.back() = H;
  }

  void add_initial_state(const RecurrentConfig& c, const std::string& n, bool has_c) {
    const auto states = [&](const char* name) {
      return braces(c.layers, [&](Index l) {
        const std::vector<double> all = values(name + ("_l" + std::to_string(l)));
        return braces(c.hidden, [&](Index u) { return number(all.at(static_cast<std::size_t>(u))); });
      });
    };
    text_.add_initial_state(n, "{.h = " + states("h0") + ",\n.c = " + (has_c ? states("c0") : "{{0}}") + "}");
  }

  void add(const LinearModule& m, const std::string& n) {
    const Index C = m.config.input, K = m.config.output;
    const std::vector<double> W = values("weight");
    std::vector<double> b = values("bias");
    b.resize(static_cast<std::size_t>(K));
    const auto rows = braces(
        K, [&](Index k) { return braces(C, [&](Index i) { return number(W[static_cast<std::size_t>(k * C + i)]); }); });
    text_.add_weights("StaticLinear", concat(C, ", ", K), n, "{.W = " + rows + ",\n.b = " + braces(K, [&](Index k) {
                                                               return number(b[static_cast<std::size_t>(k)]);
                                                             }) + "}");
    features_.back() = K;
  }

  void add(const EmbeddingModule&, const std::string&) {}  // refused by check()

  void add(const ActivationModule& m, const std::string& n) {
    const char* type = m.activation == Activation::tanh   ? "Tanh"
                       : m.activation == Activation::relu ? "Relu"
                                                          : "Sigmoid";
    text_.add_part(concat("StaticElements<", features_.back(), ", rondo::embedded::", type, ">"), n, "");
  }

  void add(const GainModule& m, const std::string& n) {
    text_.add_part(concat("StaticElements<", features_.back(), ", rondo::embedded::Gain>"), n,
                   "rondo::embedded::Gain{" + number(m.factor) + "}");
  }

  void add(const SkipModule& m, const std::string& n) {
    text_.add_part(concat("StaticSkip<", features_.back(), ">"), n, "", ", y" + std::to_string(m.from));
  }

  void add_self_test() {
    const Index C = used_.model.input(), K = used_.model.output(), T = std::clamp<Index>(512 / (C + K), 16, 64);
    const TestRun test = run_on_noise(used_.model, T, 2);
    double largest = 1;
    for (double y : test.y) largest = std::max(largest, std::abs(y));
    const auto table = [&](const std::vector<double>& all, Index columns) {
      return braces(T, [&](Index t) {
        return braces(columns, [&](Index i) { return number(all[static_cast<std::size_t>(t * columns + i)]); });
      });
    };
    text_.add_self_test(C, K, T,
                        "{.x = " + table(test.x, C) + ",\n.y = " + table(test.y, K) +
                            ",\n.tolerance = " + number(largest * (int8_ ? 1e-3 : 2e-5)) + "}");
    if (!int8_) return;
    const RunDifference difference(run_on_noise(original_, 4000, 2), run_on_noise(used_.model, 4000, 2));
    report_ = {difference.largest, 10 * std::log10(difference.relative_square)};
  }

  std::vector<std::string> comment() const {
    std::vector<std::string> lines{"A model for microcontrollers, written by `rondo convert`. Do not edit.",
                                   "Read from: " + used_.model.format};
    if (used_.model.sample_rate > 0) lines.push_back(concat("Sample rate: ", used_.model.sample_rate, " Hz"));
    if (int8_)
      lines.push_back(concat("int8 weights change the output by at most ", report_.largest_difference, ", RMS ",
                             std::round(report_.rms_db * 10) / 10, " dB of the output, on noise"));
    return lines;
  }

  const ModelDescription& original_;
  Int8Model used_;  // what the header holds
  const bool int8_;
  const std::string name_;
  const Module* module_ = nullptr;
  std::vector<Index> features_;  // of the input, and after each module
  StaticHeaderText text_;
  StaticHeaderReport report_;
};

}  // namespace detail

/// Writes a model as a header for microcontrollers. Its namespace is the name of the file without the ending, with
/// underscores for characters that names cannot have. Throws file_error that names a module which the static form does
/// not have (second direction, embedding, projection, peepholes, layer norm, elu, softplus) or a tensor that is not
/// finite.
inline StaticHeaderReport write_static_header(const std::filesystem::path& path, const ModelDescription& model,
                                              StaticPrecision precision = StaticPrecision::fp32) {
  detail::StaticHeaderWriter writer(model, precision, detail::namespace_of(path.stem().string()));
  replace_file(path, writer.write());
  return writer.report();
}

}  // namespace rondo::inline RONDO_ABI

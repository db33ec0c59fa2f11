// SPDX-License-Identifier: MIT
// The text of a header for microcontrollers: numbers, braces, and the class Model. See static_header_writer.hpp.
#pragma once

#include <rondo/core/view.hpp>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// The float nearest to `value`, with as many digits as it takes to read the same float again.
inline std::string number(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<float>(value)).ptr;
  std::string text(digits, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

/// "{item(0), item(1), ...}".
template <class Item>
std::string braces(Index count, Item&& item) {
  std::string text = "{";
  for (Index n = 0; n < count; ++n) {
    if (n > 0) text += ", ";
    text += item(n);
  }
  return text + "}";
}

/// A name for a namespace: letters, digits and single underscores, not at the ends; no keyword.
inline std::string namespace_of(std::string_view stem) {
  constexpr std::string_view kReserved[] = {"",      "rondo", "std",    "int",    "float", "double",
                                            "char",  "bool",  "auto",   "new",    "class", "struct",
                                            "union", "enum",  "static", "inline", "const", "default"};
  std::string name;
  for (char c : stem) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    if (letter || digit)
      name += c;
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  if (!name.empty() && name.back() == '_') name.pop_back();
  if (std::ranges::find(kReserved, name) != std::end(kReserved) || (name[0] >= '0' && name[0] <= '9'))
    name = "model" + (name.empty() ? name : "_" + name);
  return name;
}

/// The text with lines of at most 120 characters, broken after ", " and without spaces at the ends.
inline std::string with_line_breaks(std::string_view text) {
  constexpr std::size_t kWidth = 120;
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    if (column > 0 && column + 1 + end > kWidth)
      out += "\n  ", column = 2;
    else if (column > 2)
      out += " ", ++column;
    out += text.substr(0, end), column += end;
    const bool line_end = end < text.size() && text[end] == '\n';
    if (line_end) out += "\n  ", column = 2;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// Collects the constants of a header and the parts of its class Model.
class StaticHeaderText {
 public:
  /// A part with weights: kWeights<n> of type <type>Weights<sizes>.
  void add_weights(const std::string& type, const std::string& sizes, const std::string& n, const std::string& values) {
    add_constant(type + "Weights<" + sizes + ">", "kWeights" + n, values);
    last_type_ = "rondo::embedded::" + type + "<" + sizes + ">";
    add_part(type + "<" + sizes + ">", n, "kWeights" + n);
    resets_ += type == "StaticLinear" ? "" : "    part" + n + "_.reset();\n";
  }
  /// The initial state of the last part.
  void add_initial_state(const std::string& n, const std::string& values) {
    constants_ +=
        "\ninline constexpr " + last_type_ + "::State kInitialState" + n + " = " + with_line_breaks(values) + ";\n";
    resets_ += "    part" + n + "_.set_state(kInitialState" + n + ");\n";
  }
  /// A part without weights. `more`: further arguments of its step.
  void add_part(const std::string& type, const std::string& n, const std::string& argument,
                const std::string& more = "") {
    const std::string next = std::to_string(++steps_count_);
    parts_ += "  rondo::embedded::" + type + " part" + n + "_{" + argument + "};\n";
    steps_ += "    const auto& y" + next + " = part" + n + "_.step(y" + n + more + ");\n";
  }
  void add_self_test(Index C, Index K, Index T, const std::string& values) {
    add_constant("SelfTest<" + std::to_string(C) + ", " + std::to_string(K) + ", " + std::to_string(T) + ">",
                 "kSelfTest", values);
  }

  /// The whole header.
  std::string header(const std::string& name, Index C, Index K, const std::vector<std::string>& comment) const {
    std::string text;
    for (const std::string& line : comment) text += "// " + line + "\n";
    return text +
           "// clang-format off\n#pragma once\n\n#include <rondo/embedded/static_model.hpp>\n\n#include <stddef.h>\n"
           "#include <stdint.h>\n\nnamespace " +
           name + " {\n" + constants_ +
           "\n/// The model, for one stream. It refers to the constants above.\nclass Model {\n public:\n"
           "  static constexpr size_t kInputs = " +
           std::to_string(C) +
           ";\n"
           "  static constexpr size_t kOutputs = " +
           std::to_string(K) +
           ";\n\n"
           "  constexpr Model() { reset(); }\n\n"
           "  /// One step. Returns the outputs, valid until the next step.\n"
           "  constexpr const float (&step(const float (&y0)[kInputs]))[kOutputs] {\n" +
           steps_ + "    return y" + std::to_string(steps_count_) +
           ";\n  }\n\n"
           "  /// steps steps. x: steps x kInputs, y: steps x kOutputs, row-major. They may be the same memory if "
           "these\n"
           "  /// numbers are equal.\n"
           "  constexpr void process(const float* x, float* y, size_t steps) {\n"
           "    rondo::embedded::process(*this, x, y, steps);\n  }\n\n"
           "  /// Sets the initial state.\n"
           "  constexpr void reset() {\n" +
           resets_ + "  }\n\n private:\n" + parts_ + "};\n\n}  // namespace " + name + "\n";
  }

 private:
  void add_constant(const std::string& type, const std::string& name, const std::string& values) {
    constants_ +=
        "\ninline constexpr rondo::embedded::" + type + " " + name + " =\n  " + with_line_breaks(values) + ";\n";
  }

  std::string constants_, parts_, steps_, resets_, last_type_;
  int steps_count_ = 0;
};

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

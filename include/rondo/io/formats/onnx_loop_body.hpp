// SPDX-License-Identifier: MIT
// The body of a Loop in an ONNX graph as text: each value is the expression that computes it from the values that a
// step has got from the one before (v0, v1, ...), from x, the element of a sequence, and from constants (c0, c1, ...).
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_folding.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Reads the body of one Loop node. Knows the operators of a recurrent cell; throws file_error for others.
class OnnxLoopBody {
 public:
  using Values = std::unordered_map<std::string, OnnxValue>;  // by name

  /// carried: number of values that a step hands to the next. outer: the values that are defined before the node.
  OnnxLoopBody(const OnnxNode& node, int carried, OnnxFolding& folding, const Values& outer)
      : node_(node), folding_(folding), outer_(outer), body_(node.attribute("body")->g()) {
    define_inputs(carried);
    for (const auto& proto : body_.node()) evaluate(proto);
  }

  [[noreturn]] static void refuse(const OnnxNode& node, const std::string& why = "") {
    node.fail("its body is no GRU of Keras with reset_after=True, the only supported loop" +
              (why.empty() ? why : ": " + why));
  }

  static std::string variable(int n) { return std::string("v").append(std::to_string(n)); }

  /// An expression; the operands of sums and products are sorted.
  static std::string call(const std::string& type, std::string a, std::string b) {
    if (type != "Sub" && type != "Less" && b < a) std::swap(a, b);
    return type + "(" + a + "," + b + ")";
  }
  static std::string part(const std::string& text, Index n) {
    return std::string("part").append(std::to_string(n)) + "(" + text + ")";
  }

  /// Output n of the body as an expression.
  const std::string& output(int n) { return term(body_.output(n).name()).text; }

  /// A number, the size of an axis, or a name for a constant.
  std::string text_of(const OnnxValue& value) {
    using Kind = OnnxValue::Kind;
    std::optional<double> number;
    if (value.is(Kind::fill)) number = value.number;
    if (value.is(Kind::constant) && value.tensor->values.size() == 1) number = value.tensor->values[0];
    if (value.is(Kind::extents) && value.extents.size() == 1) {
      std::string sizes;
      for (int id : value.extents[0].unknown) sizes += concat("*s", id);
      if (!sizes.empty()) return std::to_string(value.extents[0].factor) + sizes;
      number = static_cast<double>(value.extents[0].factor);
    }
    if (number && *number == std::floor(*number) && std::abs(*number) < 1e9)
      return std::to_string(static_cast<Index>(*number));
    const std::string& name =
        names_.emplace(&value, std::string("c").append(std::to_string(names_.size()))).first->second;
    if (value.is(Kind::constant) && !value.expanded) constants_[name] = value.tensor.get();
    return name;
  }
  /// The constant with this name, or null.
  const OnnxTensor* constant(const std::string& text) const {
    const auto found = constants_.find(text);
    return found == constants_.end() ? nullptr : found->second;
  }

  /// The sequence of which x[...] is an element; null if there is none.
  const OnnxValue* sequence() const { return sequence_; }
  /// Whether something of this text is converted to another type.
  bool is_cast(const std::string& text) const { return casts_.contains(text); }
  /// The name of the matrix that multiplies this expression; "" if there is none.
  std::string factor_of(const std::string& text) const { return found(factors_, text); }
  /// The name of the constant that is added to this expression; "" if there is none.
  std::string bias_of(const std::string& text) const { return found(biases_, text); }

 private:
  static std::string found(const std::unordered_map<std::string, std::string>& map, const std::string& text) {
    const auto at = map.find(text);
    return at == map.end() ? "" : at->second;
  }

  /// A value of the body: an expression, or a value that is the same in all steps.
  struct Term {
    std::string text;
    const OnnxValue* value = nullptr;
    Index width = 0;  // features; 0: not known
  };

  Term term_of(const OnnxValue& value) { return {text_of(value), &value}; }

  void define(const std::string& name, Term term) {
    constexpr std::size_t kMostText = 65536;  // of all expressions, which repeat each other
    text_size_ += term.text.size();
    if (text_size_ > kMostText) refuse(node_, "it is too long");
    if (!terms_.emplace(name, std::move(term)).second) refuse(node_, "a name is defined twice");
  }
  const Term& term(const std::string& name) {
    auto found = terms_.find(name);
    if (found == terms_.end()) {
      const auto outer = outer_.find(name);
      if (outer == outer_.end()) refuse(node_, "the value " + name.substr(0, 100) + " is not defined before it");
      found = terms_.emplace(name, term_of(outer->second)).first;
    }
    return found->second;
  }

  /// The inputs of the body: the number of the step, the condition, and what a step hands to the next. An input that is
  /// an output at once keeps its value.
  void define_inputs(int carried) {
    define(body_.input(0).name(), {"step"});
    define(body_.input(1).name(), {"condition"});
    for (int n = 0; n < carried; ++n) {
      const std::string& name = body_.input(n + 2).name();
      define(name, body_.output(n + 1).name() == name ? term_of(node_.input(static_cast<std::size_t>(n) + 2))
                                                      : Term{variable(n)});
    }
    for (const auto& tensor : body_.initializer()) {
      values_.push_back(onnx_value(tensor, "the constant " + tensor.name().substr(0, 100)));
      define(tensor.name(), term_of(values_.back()));
    }
  }

  void evaluate(const ::onnx::NodeProto& proto) {
    const std::string& type = proto.op_type();
    std::vector<const Term*> inputs;
    OnnxNode node{proto, {}};
    static const OnnxValue absent;
    static const Term no_term{"", &absent};
    bool constants = true, data = false;
    for (const std::string& name : proto.input()) {
      inputs.push_back(name.empty() ? &no_term : &term(name));
      const OnnxValue* value = inputs.back()->value;
      constants = constants && value;
      data = data || (value && value->is(OnnxValue::Kind::data));
      node.inputs.push_back(value ? value : &absent);
    }
    if (proto.output_size() == 0 || (inputs.empty() && type != "Constant") || !proto.domain().empty())
      refuse(node_, node.text());
    const auto binary = [&] { return inputs.size() == 2 && !inputs[0]->text.empty() && !inputs[1]->text.empty(); };
    if (type == "Gather" && inputs.size() == 2 && data) {
      if (sequence_ && sequence_ != inputs[0]->value) refuse(node_, "it reads several sequences");
      if (node.integer("axis", 0) != 0) refuse(node_, "it gathers along another axis than time");
      sequence_ = inputs[0]->value;
      define(proto.output(0), {"x[" + inputs[1]->text + "]"});
    } else if (type == "Split" && constants && !data && inputs.size() == 1) {
      split_constant(node);
    } else if (constants && !data && type != "Less" && type != "And") {
      values_.push_back(folding_.fold(node));
      define(proto.output(0), term_of(values_.back()));
    } else if (type == "Identity") {
      define(proto.output(0), *inputs[0]);
    } else if (type == "Cast" && inputs[0]->width == 0 && !inputs[0]->text.starts_with("x[")) {  // of the counter
      casts_.insert(inputs[0]->text);
      define(proto.output(0), *inputs[0]);
    } else if (type == "MatMul" && binary()) {
      const OnnxTensor* W = constant(inputs[1]->text);
      if (!W || W->shape.size() != 2) refuse(node_, node.text());
      define(proto.output(0), {"MatMul(" + inputs[0]->text + "," + inputs[1]->text + ")", nullptr, W->shape[1]});
      const auto [factor, first] = factors_.emplace(inputs[0]->text, inputs[1]->text);
      if (!first && factor->second != inputs[1]->text) refuse(node_, node.text());
    } else if ((type == "Add" || type == "Mul" || type == "And" || type == "Sub" || type == "Less") && binary()) {
      define(proto.output(0),
             {call(type, inputs[0]->text, inputs[1]->text), nullptr, std::max(inputs[0]->width, inputs[1]->width)});
      if (type == "Add")
        for (int n : {0, 1})
          if (constant(inputs[static_cast<std::size_t>(1 - n)]->text))
            biases_[inputs[static_cast<std::size_t>(n)]->text] = inputs[static_cast<std::size_t>(1 - n)]->text;
    } else if ((type == "Sigmoid" || type == "Tanh") && inputs.size() == 1) {
      define(proto.output(0), {type + "(" + inputs[0]->text + ")", nullptr, inputs[0]->width});
    } else if (type == "Split" && inputs.size() == 1 && proto.output_size() == 3 && inputs[0]->width % 3 == 0 &&
               (node.integer("axis", 0) == -1 || node.integer("axis", 0) == 1)) {
      for (int n = 0; n < 3; ++n) define(proto.output(n), {part(inputs[0]->text, n), nullptr, inputs[0]->width / 3});
    } else if (type == "Slice") {
      define(proto.output(0), sliced_third(node, *inputs[0]));
    } else {
      refuse(node_, node.text());
    }
  }

  /// One third of the features.
  Term sliced_third(const OnnxNode& node, const Term& x) const {
    const auto ranges = slice_ranges(node, 2);
    const Index H = x.width / 3;
    if (!ranges || H == 0 || x.width % 3 != 0) refuse(node_, node.text());
    Term y{"", nullptr, H};
    for (const OnnxRange& given : *ranges) {
      constexpr Index kEnd = Index{1} << 30;
      const OnnxRange range = clamped(given, given.axis == 1 ? x.width : kEnd);
      if (given.axis == 0 && range.first == 0 && range.end == kEnd) continue;
      if (given.axis == 0 || !y.text.empty() || range.first % H != 0 || range.end != range.first + H)
        refuse(node_, node.text());
      y.text = part(x.text, range.first / H);
    }
    if (y.text.empty()) refuse(node_, node.text());
    return y;
  }

  /// Rows of a constant matrix.
  void split_constant(const OnnxNode& node) {
    const OnnxTensor& x = constant_input(node, 0, "the matrix");
    const Index rows = node.proto.output_size();
    if (++splits_ > 4 || x.shape.size() != 2 || x.shape[0] != rows || node.axis(node.integer("axis", 0), 2) != 0)
      refuse(node_, node.text());
    for (Index n = 0; n < rows; ++n) {
      values_.push_back(onnx_constant(strided(x, {1, x.shape[1]}, {0, 1}, n * x.shape[1])));
      define(node.proto.output(static_cast<int>(n)), term_of(values_.back()));
    }
  }

  const OnnxNode& node_;
  OnnxFolding& folding_;
  const Values& outer_;
  const ::onnx::GraphProto& body_;
  std::deque<OnnxValue> values_;                                  // constants of the body
  std::unordered_map<const OnnxValue*, std::string> names_;       // c0, c1, ...
  std::unordered_map<std::string, const OnnxTensor*> constants_;  // by name
  std::unordered_map<std::string, Term> terms_;                   // by name
  std::unordered_map<std::string, std::string> factors_;          // the matrix of each MatMul, by what it multiplies
  std::unordered_map<std::string, std::string> biases_;           // the constant that is added, by expression
  std::unordered_set<std::string> casts_;                         // what is converted to another type
  const OnnxValue* sequence_ = nullptr;
  std::size_t text_size_ = 0;
  int splits_ = 0;  // of constants
};

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

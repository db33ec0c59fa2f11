// SPDX-License-Identifier: MIT
// Reads an ONNX graph that is a chain of the modules of a model description, as torch.onnx.export and tf2onnx write it.
// Nodes are taken in their order, in which each comes after those it depends on. Only the nodes of the first output
// count. See docs/12-model-files.md. Legend: D directions, G gates; the rest as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_axes.hpp>
#include <rondo/io/formats/onnx_chain.hpp>
#include <rondo/io/formats/onnx_folding.hpp>
#include <rondo/io/formats/onnx_gru_loop.hpp>
#include <rondo/io/formats/onnx_layers.hpp>
#include <rondo/io/formats/onnx_lengths.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_tokens.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

class OnnxReader {
 public:
  OnnxReader(const ::onnx::GraphProto& graph, std::size_t bytes) : graph_(graph), folding_(bytes) {}

  ModelDescription read() {
    if (graph_.output_size() == 0) throw file_error("ONNX: the graph has no output");
    const std::vector<bool> needed = needed_nodes(graph_.output(0).name());
    add_constants();
    add_inputs();
    for (int n = 0; n < graph_.node_size(); ++n)
      if (needed[static_cast<std::size_t>(n)]) add_node(graph_.node(n));
    check_output(graph_.output(0).name());
    return std::move(chain_.model());
  }

 private:
  using Kind = OnnxValue::Kind;

  /// Which nodes the output depends on. Collects the names of the values that they read.
  std::vector<bool> needed_nodes(const std::string& output) {
    std::vector<bool> needed(static_cast<std::size_t>(graph_.node_size()), false);
    used_.insert(output);
    for (int n = graph_.node_size(); n-- > 0;) {
      const auto& node = graph_.node(n);
      if (std::ranges::none_of(node.output(), [&](const std::string& name) { return used_.contains(name); })) continue;
      needed[static_cast<std::size_t>(n)] = true;
      const auto use = [&](const auto& names) {
        for (const std::string& name : names)
          if (!name.empty()) used_.insert(name);
      };
      use(node.input());
      for (const auto& attribute : node.attribute())  // the body of a loop reads values around it
        for (const auto& inner : attribute.g().node()) use(inner.input());
    }
    return needed;
  }

  void define(const std::string& name, OnnxValue value) {
    if (!name.empty() && !values_.emplace(name, std::move(value)).second)
      throw file_error("ONNX: the value " + name.substr(0, 100) + " is defined twice");
  }

  void add_constants() {
    for (const auto& tensor : graph_.initializer())
      if (used_.contains(tensor.name()))
        define(tensor.name(), onnx_value(tensor, "the constant " + tensor.name().substr(0, 100)));
    for (const auto& tensor : graph_.sparse_initializer())
      if (used_.contains(tensor.values().name()))
        throw file_error("the constant " + tensor.values().name().substr(0, 100) +
                         " is sparse, which is not supported");
  }

  /// The first input is that of the model. Others can only be initial states.
  void add_inputs() {
    bool first = true;
    for (const auto& input : graph_.input()) {
      if (values_.contains(input.name())) continue;  // a constant
      OnnxValue value;
      if (first) {
        value = input_data(input);
      } else {
        value.kind = Kind::state;
        value.origin = input.name().substr(0, 100);
      }
      first = false;
      define(input.name(), std::move(value));
    }
    if (first) throw file_error("ONNX: the graph has no input");
  }

  static OnnxValue input_data(const ::onnx::ValueInfoProto& input) {
    using Proto = ::onnx::TensorProto;
    const std::string who = "input " + input.name().substr(0, 100);
    const auto& type = input.type().tensor_type();
    OnnxValue value{.kind = Kind::data};
    value.tokens = type.elem_type() == Proto::INT64 || type.elem_type() == Proto::INT32;
    if (!value.tokens && type.elem_type() != Proto::FLOAT && type.elem_type() != Proto::DOUBLE &&
        type.elem_type() != Proto::FLOAT16)
      throw file_error(who + " has neither floating-point numbers nor 32-bit or 64-bit integers");
    const int rank = type.shape().dim_size();
    if (rank == 0 || static_cast<std::size_t>(rank) > kMostOnnxAxes)
      throw file_error(concat(who, " has ", rank, " axes, wanted time, batch and features"));
    for (int n = 0; n < rank; ++n) {
      const Index size = std::clamp<Index>(type.shape().dim(n).dim_value(), 0, Index{1} << 30);
      value.axes.push_back(size == 1 ? OnnxAxis{} : OnnxAxis{{n, size}});
    }
    if (!value.tokens && !value.axes.back().empty()) value.axes.back()[0].id = OnnxAtom::kFeatures;
    if (!value.tokens) value.features = value.axes.back();
    return value;
  }

  void add_node(const ::onnx::NodeProto& proto) {
    OnnxNode node{proto, {}};
    bool data = false;
    for (const std::string& name : proto.input()) {
      static const OnnxValue absent;
      const auto found = values_.find(name);
      if (!name.empty() && found == values_.end())
        node.fail("its input " + name.substr(0, 100) + " is not defined before it");
      node.inputs.push_back(name.empty() ? &absent : &found->second);
      data = data || node.inputs.back()->is(Kind::data);
    }
    OnnxValues results;
    const bool loop = node.type() == "Loop" && node.is_standard();
    data = data || loop;
    try {
      results = loop   ? OnnxGruLoop(node, folding_, values_).append(chain_)
                : data ? apply(node)
                       : OnnxValues{folding_.fold(node)};
    } catch (const file_error& e) {
      const std::string text = e.what();
      throw file_error(text.starts_with("node ") ? text : node.text() + ": " + text);
    }
    for (std::size_t n = 0; n < static_cast<std::size_t>(proto.output_size()); ++n)
      define(proto.output(static_cast<int>(n)), results[data ? std::min(n, results.size() - 1) : 0]);
  }

  void check_output(const std::string& name) {
    const auto found = values_.find(name);
    const std::string who = "ONNX: output " + name.substr(0, 100);
    if (found == values_.end()) throw file_error(who + " is not defined");
    const OnnxValue& y = found->second;
    if (!y.is(Kind::data))
      throw file_error(who + " does not depend on the input" + (y.origin.empty() ? "" : ", but on " + y.origin));
    if (!chain_.is_output(y) || y.is_part() || y.tokens) throw file_error(who + " is not the output of the last layer");
    const bool last_axis = !y.axes.empty() && y.axes.back() == y.features;
    if (!last_axis && !y.features.empty())  // an axis of one feature may have been removed
      throw file_error(who + ": its last axis is not that of the features");
    const auto has_time = [&](const OnnxAxis& axis) { return std::ranges::find(axis, chain_.time()) != axis.end(); };
    if (chain_.time().of_input() && std::ranges::none_of(y.axes, has_time))
      chain_.model().warnings.push_back(
          "the graph returns only the last step; this model returns all, and the last is that one");
  }

  /// A node with data of the model.
  OnnxValues apply(const OnnxNode& node) {
    using Function = OnnxValues (*)(OnnxChain&, const OnnxNode&);
    static const std::map<std::string_view, Function> kFunctions{
        {"LSTM", onnx_recurrent},
        {"GRU", onnx_recurrent},
        {"MatMul", onnx_linear},
        {"Gemm", onnx_linear},
        {"Add", onnx_add},
        {"Mul", onnx_gain},
        {"Tanh", [](OnnxChain& c, const OnnxNode& n) { return onnx_activation(c, n, Activation::tanh); }},
        {"Sigmoid", [](OnnxChain& c, const OnnxNode& n) { return onnx_activation(c, n, Activation::sigmoid); }},
        {"Relu", [](OnnxChain& c, const OnnxNode& n) { return onnx_activation(c, n, Activation::relu); }},
        {"Elu", [](OnnxChain& c, const OnnxNode& n) { return onnx_activation(c, n, Activation::elu); }},
        {"Softplus", [](OnnxChain& c, const OnnxNode& n) { return onnx_activation(c, n, Activation::softplus); }},
        {"Greater", onnx_greater},
        {"Where", onnx_where},
        {"Gather", onnx_gather},
        {"ReduceSum", onnx_sum},
        {"Concat", onnx_concat},
        {"Shape", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{sizes_of_axes(n, c.data(n, 0))}; }},
        {"Transpose", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{transposed(n, c.data(n, 0))}; }},
        {"Reshape", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{reshaped(n, c.data(n, 0))}; }},
        {"Squeeze", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{squeezed(n, c.data(n, 0))}; }},
        {"Unsqueeze", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{unsqueezed(n, c.data(n, 0))}; }},
        {"Slice", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{sliced(n, c.data(n, 0), c.time())}; }},
        {"Cast", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{cast(n, c.data(n, 0))}; }},
        {"Identity", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{c.data(n, 0)}; }},
        {"Dropout", [](OnnxChain& c, const OnnxNode& n) { return OnnxValues{without_dropout(n, c.data(n, 0))}; }}};
    const auto is_tokens = [](const OnnxValue* x) { return x->is(Kind::data) && x->tokens; };
    if (node.is_standard() && std::ranges::any_of(node.inputs, is_tokens))
      if (const auto value = token_arithmetic(node)) return {*value};
    const auto found = kFunctions.find(node.type());
    if (found == kFunctions.end() || !node.is_standard()) {
      std::string names;
      for (const auto& [name, function] : kFunctions) names += (names.empty() ? "" : ", ") + std::string(name);
      node.fail("this operator is not supported; supported are " + names);
    }
    return found->second(chain_, node);
  }

  const ::onnx::GraphProto& graph_;
  OnnxFolding folding_;
  OnnxChain chain_;
  std::unordered_set<std::string> used_;               // names of values
  std::unordered_map<std::string, OnnxValue> values_;  // by name
};

}  // namespace detail

/// Reads a model from the bytes of an ONNX file and checks it (ModelDescription::check).
///
/// The graph is a chain of LSTM, GRU, MatMul, Gemm, Add (a bias or a skip connection), Gather (an embedding), ReduceSum
/// (of several embeddings per step), Tanh, Sigmoid, Relu, Elu, Softplus, and Mul by one number; between them nodes that
/// change only axes and shapes, or take directions apart and join them. The first input is that of the model. Other
/// inputs can be initial states: they are ignored, with a warning, and sequences start from zeros. Constant initial
/// states become learned ones. Of the outputs the first is read; if it is only the last step, the model returns all
/// steps, with a warning. Weights: FLOAT, DOUBLE, FLOAT16, in this file.
///
/// Throws file_error that names the node and the operator for everything else: an operator that is not known, a graph
/// that branches, direction "reverse", linear_before_reset = 0, sequence_lens, clip, other activations, external data.
inline ModelDescription read_onnx(std::string_view bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw file_error("ONNX: the file has more than 2 GB");
  ::onnx::ModelProto file;
  if (!detail::onnx_lengths_fit(bytes) || !file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      !file.has_graph())
    throw file_error("this is no ONNX file, or it is damaged");
  constexpr Index kOldest = 9;  // of the default operators
  for (const auto& opset : file.opset_import())
    if (opset.domain().empty() && opset.version() < kOldest)
      throw file_error(
          detail::concat("ONNX: opset ", opset.version(), " is not supported, only ", kOldest, " and later"));
  try {
    ModelDescription model = detail::OnnxReader(file.graph(), bytes.size()).read();
    model.check();
    return model;
  } catch (const file_error& e) {
    throw file_error(detail::one_line(e.what()));
  }
}

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Reads an ONNX graph that is a chain of the modules of a model description, as torch.onnx.export and tf2onnx write it.
// Nodes are taken in their order, in which each comes after those it depends on. Only the nodes of the first output
// count. See docs/12-model-files.md. Legend: D directions, G gates; the rest as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_axes.hpp>
#include <rondo/io/formats/onnx_folding.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_recurrent.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <google/protobuf/io/coded_stream.h>
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
    model_.format = "ONNX";
    if (graph_.output_size() == 0) throw file_error("ONNX: the graph has no output");
    const std::vector<bool> needed = needed_nodes(graph_.output(0).name());
    add_constants();
    add_inputs();
    for (int n = 0; n < graph_.node_size(); ++n)
      if (needed[static_cast<std::size_t>(n)]) add_node(graph_.node(n));
    check_output(graph_.output(0).name());
    return std::move(model_);
  }

 private:
  using Kind = OnnxValue::Kind;
  using Results = std::vector<OnnxValue>;  // of the outputs of a node

  /// Which nodes the output depends on. Collects the names of the values that they read.
  std::vector<bool> needed_nodes(const std::string& output) {
    std::vector<bool> needed(static_cast<std::size_t>(graph_.node_size()), false);
    used_.insert(output);
    for (int n = graph_.node_size(); n-- > 0;) {
      const auto& node = graph_.node(n);
      if (std::ranges::none_of(node.output(), [&](const std::string& name) { return used_.contains(name); })) continue;
      needed[static_cast<std::size_t>(n)] = true;
      for (const std::string& name : node.input())
        if (!name.empty()) used_.insert(name);
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
    Results results;
    try {
      results = data ? apply(node) : Results{folding_.fold(node)};
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
    if (y.point != model_.modules.size() || y.revision != revisions_.back() || y.first_features || y.tokens)
      throw file_error(who + " is not the output of the last layer");
    const bool last_axis = !y.axes.empty() && y.axes.back() == y.features;
    if (!last_axis && !y.features.empty())  // an axis of one feature may have been removed
      throw file_error(who + ": its last axis is not that of the features");
    const auto has_time = [&](const OnnxAxis& axis) { return std::ranges::find(axis, time_) != axis.end(); };
    if (time_.of_input() && std::ranges::none_of(y.axes, has_time))
      model_.warnings.push_back(
          "the graph returns only the last step; this model returns all, and the last is that one");
  }

  // ---- nodes with data ----

  Results apply(const OnnxNode& node) {
    using Function = Results (*)(OnnxReader&, const OnnxNode&);
    static const std::map<std::string_view, Function> kFunctions{
        {"LSTM", [](OnnxReader& r, const OnnxNode& n) { return r.recurrent(n); }},
        {"GRU", [](OnnxReader& r, const OnnxNode& n) { return r.recurrent(n); }},
        {"MatMul", [](OnnxReader& r, const OnnxNode& n) { return r.linear(n); }},
        {"Gemm", [](OnnxReader& r, const OnnxNode& n) { return r.linear(n); }},
        {"Add", [](OnnxReader& r, const OnnxNode& n) { return r.add(n); }},
        {"Mul", [](OnnxReader& r, const OnnxNode& n) { return r.gain(n); }},
        {"Tanh", [](OnnxReader& r, const OnnxNode& n) { return r.activation(n, Activation::tanh); }},
        {"Sigmoid", [](OnnxReader& r, const OnnxNode& n) { return r.activation(n, Activation::sigmoid); }},
        {"Relu", [](OnnxReader& r, const OnnxNode& n) { return r.activation(n, Activation::relu); }},
        {"Elu", [](OnnxReader& r, const OnnxNode& n) { return r.activation(n, Activation::elu); }},
        {"Softplus", [](OnnxReader& r, const OnnxNode& n) { return r.activation(n, Activation::softplus); }},
        {"Greater", [](OnnxReader& r, const OnnxNode& n) { return r.greater(n); }},
        {"Where", [](OnnxReader& r, const OnnxNode& n) { return r.where(n); }},
        {"Gather", [](OnnxReader& r, const OnnxNode& n) { return r.gather(n); }},
        {"Shape", [](OnnxReader& r, const OnnxNode& n) { return Results{sizes_of_axes(n, r.data(n, 0))}; }},
        {"Transpose", [](OnnxReader& r, const OnnxNode& n) { return Results{transposed(n, r.data(n, 0))}; }},
        {"Reshape", [](OnnxReader& r, const OnnxNode& n) { return Results{reshaped(n, r.data(n, 0))}; }},
        {"Squeeze", [](OnnxReader& r, const OnnxNode& n) { return Results{squeezed(n, r.data(n, 0))}; }},
        {"Unsqueeze", [](OnnxReader& r, const OnnxNode& n) { return Results{unsqueezed(n, r.data(n, 0))}; }},
        {"Slice", [](OnnxReader& r, const OnnxNode& n) { return Results{sliced(n, r.data(n, 0), r.time_)}; }},
        {"Cast", [](OnnxReader& r, const OnnxNode& n) { return Results{cast(n, r.data(n, 0))}; }},
        {"Identity", [](OnnxReader& r, const OnnxNode& n) { return Results{r.data(n, 0)}; }},
        {"Dropout", [](OnnxReader& r, const OnnxNode& n) { return Results{without_dropout(n, r.data(n, 0))}; }}};
    const auto found = kFunctions.find(node.type());
    if (found == kFunctions.end() || (!node.proto.domain().empty() && node.proto.domain() != "ai.onnx")) {
      std::string names;
      for (const auto& [name, function] : kFunctions) names += (names.empty() ? "" : ", ") + std::string(name);
      node.fail("this operator is not supported; supported are " + names);
    }
    return found->second(*this, node);
  }

  /// Input n as data of the model. Throws file_error.
  const OnnxValue& data(const OnnxNode& node, std::size_t n) const {
    const OnnxValue& x = node.input(n);
    if (!x.is(Kind::data)) node.fail(concat("its input ", n, " does not depend on the input of the model"));
    if (x.revision != revisions_[x.point])
      node.fail("the graph branches: it reads a linear layer without its bias, and another node with it");
    return x;
  }
  /// Input n as the floating-point output of the last module. Throws file_error.
  const OnnxValue& current(const OnnxNode& node, std::size_t n) const {
    const OnnxValue& x = data(node, n);
    if (x.tokens) node.fail("its input is tokens, which only an embedding can read");
    if (x.first_features) node.fail("its input is only the first features of a layer");
    if (x.point != model_.modules.size())
      node.fail("the graph branches: its input is not the output of the layer before");
    return x;
  }
  /// The same, with the features in the last axis.
  const OnnxValue& current_features(const OnnxNode& node, std::size_t n) const {
    const OnnxValue& x = current(node, n);
    if (x.axes.empty() || x.axes.back() != x.features)
      node.fail("the last axis of its input is not that of the features");
    return x;
  }

  /// Appends a module; its output has the axes of x, with K features in the last axis unless K is 0.
  template <class Part>
  OnnxValue append(const OnnxValue& x, const std::string& type, Part part, Index K = 0) {
    OnnxValue y = x;
    if (K > 0) {
      y.features = K == 1 ? OnnxAxis{} : OnnxAxis{{OnnxAtom::kFeatures, K}};
      y.axes.back() = y.features;
    }
    model_.modules.push_back({type + std::to_string(model_.modules.size()), part});
    revisions_.push_back(0);
    y.point = model_.modules.size();
    y.revision = 0;
    return y;
  }
  void add_tensor(const std::string& name, std::vector<Index> shape, const std::vector<double>& values) {
    add_exact(model_.weights, model_.modules.back().name + "." + name, std::move(shape), values);
  }

  Results activation(const OnnxNode& node, Activation f) {
    const auto* alpha = node.attribute("alpha");
    if (f == Activation::elu && alpha && alpha->f() != 1)
      node.fail(concat("alpha is ", alpha->f(), ", only 1 is supported"));
    return {append(current(node, 0), name(f), ActivationModule{f})};
  }

  /// PyTorch's newer exporter writes softplus as x > 20 ? x : Softplus(x), with Greater and Where.
  Results greater(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const OnnxTensor& threshold = constant_input(node, 1, "the threshold");
    if (threshold.values.size() != 1 || threshold.values[0] != 20)
      node.fail("it is supported only as a part of a softplus with the threshold 20");
    y.kind = Kind::condition;
    return {y};
  }
  Results where(const OnnxNode& node) {
    const OnnxValue& condition = node.input(0);
    const OnnxValue &x = data(node, 1), &y = current(node, 2);
    const auto* module = y.point > 0 ? std::get_if<ActivationModule>(&model_.modules.back().part) : nullptr;
    if (!condition.is(Kind::condition) || !module || module->activation != Activation::softplus ||
        condition.point != x.point || x.point + 1 != y.point || x.first_features || condition.axes != x.axes ||
        condition.axes != y.axes)
      node.fail("it is supported only as a part of a softplus");
    return {y};
  }

  Results gain(const OnnxNode& node) {
    const std::size_t n = node.input(0).is(Kind::data) ? 0 : 1;
    const OnnxValue& x = current(node, n);
    const OnnxTensor& factor = constant_input(node, 1 - n, "the factor");
    if (factor.values.size() != 1 || factor.shape.size() > x.axes.size())
      node.fail("the factor is " + extents_text(factor.shape) + " numbers, only one number is supported");
    return {append(x, "gain", GainModule{factor.values[0]})};
  }

  /// MatMul and Gemm.
  Results linear(const OnnxNode& node) {
    const OnnxValue& x = current_features(node, 0);
    const bool gemm = node.type() == "Gemm", bias = gemm && !node.input(2).is(Kind::absent);
    for (const char* name : {"alpha", "beta"})
      if (const auto* a = node.attribute(name); a && a->f() != 1)
        node.fail(concat(name, " is ", a->f(), ", only 1 is supported"));
    if (node.integer("transA", 0) != 0) node.fail("transA is not supported");
    const bool transposed = gemm && node.integer("transB", 0) != 0;
    const OnnxTensor& B = constant_input(node, 1, "the matrix");
    if (B.shape.size() != 2 || x.axes.size() < 2)
      node.fail(concat("it multiplies ", x.axes.size(), " axes by ", B.shape.size(), ", wanted a matrix"));
    const Index C = B.shape[transposed ? 1 : 0], K = B.shape[transposed ? 0 : 1];
    check_features(node, x, C);
    const OnnxTensor W = transposed ? B : strided(B, {K, C}, {1, K}, 0);
    const auto values = bias ? bias_values(node, 2, K, 2) : std::vector<double>{};
    const OnnxValue y = append(x, "linear", LinearModule{{C, K, bias}}, K);
    add_tensor("weight", {K, C}, W.values);
    if (bias) add_tensor("bias", {K}, values);
    return {y};
  }

  /// K numbers of a constant that is added to K features in the last of `rank` axes. Throws file_error.
  static std::vector<double> bias_values(const OnnxNode& node, std::size_t n, Index K, std::size_t rank) {
    const OnnxTensor& b = constant_input(node, n, "the bias");
    const auto K_ = static_cast<std::size_t>(K);
    if (b.shape.size() > rank || (b.values.size() != 1 && (b.values.size() != K_ || b.shape.back() != K)))
      node.fail(concat("the bias is ", extents_text(b.shape), ", wanted ", K));
    return b.values.size() == 1 ? std::vector<double>(K_, b.values[0]) : b.values;
  }

  /// A bias of the linear layer before, or a skip connection.
  Results add(const OnnxNode& node) {
    if (node.input(0).is(Kind::data) && node.input(1).is(Kind::data)) return skip(node);
    const std::size_t n = node.input(0).is(Kind::data) ? 0 : 1;
    OnnxValue y = current_features(node, n);
    auto* module = y.point > 0 ? std::get_if<LinearModule>(&model_.modules.back().part) : nullptr;
    if (!module || module->config.bias) node.fail("a constant can only be added to a linear layer without bias");
    const Index K = module->config.output;
    add_tensor("bias", {K}, bias_values(node, 1 - n, K, y.axes.size()));
    module->config.bias = true;
    y.revision = ++revisions_.back();
    return {y};
  }

  Results skip(const OnnxNode& node) {
    const bool second = data(node, 0).point != model_.modules.size() || node.input(0).first_features;
    const OnnxValue &x = current(node, second), &start = data(node, !second);
    if (start.tokens || start.axes != x.axes || start.features != x.features)
      node.fail("it adds values with other axes or another number of features");
    return {append(x, "skip", SkipModule{start.point})};
  }

  /// An embedding, or the last step.
  Results gather(const OnnxNode& node) {
    if (node.input(0).is(Kind::data)) return {last_step(node, data(node, 0), time_)};
    const OnnxValue& x = data(node, 1);
    if (!x.tokens) node.fail("its indices are not the tokens of the input");
    if (x.point != 0 || !model_.modules.empty()) node.fail("an embedding can only be the first layer");
    const OnnxTensor& W = constant_input(node, 0, "the table");
    if (W.shape.size() != 2 || node.axis(node.integer("axis", 0), 2) != 0)
      node.fail("it is no embedding: the table is " + extents_text(W.shape) + ", wanted V x D, and the axis 0");
    if (x.axes.size() == kMostOnnxAxes) node.fail("it has too many axes");
    OnnxValue y = x;
    y.tokens = false;
    y.axes.emplace_back();
    y = append(y, "embedding", EmbeddingModule{W.shape[0], W.shape[1]}, W.shape[1]);
    add_tensor("weight", W.shape, W.values);
    return {y};
  }

  // ---- recurrent layers ----

  Results recurrent(const OnnxNode& node) {
    const OnnxValue& x = current_features(node, 0);
    const bool batch_first = node.integer("layout", 0) != 0;
    if (x.axes.size() != 3) node.fail(concat("its input has ", x.axes.size(), " axes, wanted time, batch, features"));
    set_axes(node, x.axes[batch_first ? 1 : 0], x.axes[batch_first ? 0 : 1]);
    const auto [part, tensors] = recurrent_layer(node, model_.warnings);
    check_features(node, x, part.config.input);
    const OnnxValue y = append(x, node.type() == "GRU" ? "gru" : "lstm", part);
    for (const auto& [name, tensor] : tensors) add_tensor(name, tensor.shape, tensor.values);
    return recurrent_outputs(node, y, part.config.directions(), part.config.hidden, batch_first);
  }

  /// Time and batch are the same axes in all recurrent layers.
  void set_axes(const OnnxNode& node, const OnnxAxis& time, const OnnxAxis& batch) {
    constexpr int kNone = -3;  // of size 1
    if (time.size() > 1 || batch.size() > 1) node.fail("several axes are joined to its time or batch axis");
    const OnnxAtom t = time.empty() ? OnnxAtom{kNone, 1} : time[0], b = batch.empty() ? OnnxAtom{kNone, 1} : batch[0];
    if ((!t.of_input() && !time.empty()) || (!b.of_input() && !batch.empty()))
      node.fail("its time or batch axis is one of features");
    if (has_axes_ && (t != time_ || b != batch_))
      node.fail("its time and batch axes are not those of the layers before");
    has_axes_ = true;
    time_ = t;
    batch_ = b;
  }

  const ::onnx::GraphProto& graph_;
  OnnxFolding folding_;
  ModelDescription model_;
  std::unordered_set<std::string> used_;               // names of values
  std::unordered_map<std::string, OnnxValue> values_;  // by name
  std::vector<std::size_t> revisions_{0};              // of each point
  bool has_axes_ = false;
  OnnxAtom time_{OnnxAtom::kFeatures, 0}, batch_{OnnxAtom::kFeatures, 0};  // of recurrent layers
};

}  // namespace detail

/// Reads a model from the bytes of an ONNX file and checks it (ModelDescription::check).
///
/// The graph is a chain of LSTM, GRU, MatMul, Gemm, Add (a bias or a skip connection), Gather (an embedding), Tanh,
/// Sigmoid, Relu, Elu, Softplus, and Mul by one number; between them nodes that change only axes and shapes. The first
/// input is that of the model. Other inputs can be initial states: they are ignored, with a warning, and sequences
/// start from zeros. Constant initial states become learned ones. Of the outputs the first is read; if it is only the
/// last step, the model returns all steps, with a warning. Weights: FLOAT, DOUBLE, FLOAT16, in this file.
///
/// Throws file_error that names the node and the operator for everything else: an operator that is not known, a graph
/// that branches, direction "reverse", linear_before_reset = 0, sequence_lens, clip, other activations, external data.
inline ModelDescription read_onnx(std::string_view bytes) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw file_error("ONNX: the file has more than 2 GB");
  constexpr int kDeepest = 64;  // messages in messages
  ::onnx::ModelProto file;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetTotalBytesLimit(static_cast<int>(bytes.size()));
  in.SetRecursionLimit(kDeepest);
  if (!file.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage() || !file.has_graph())
    throw file_error("this is no ONNX file, or it is damaged");
  constexpr Index kOldest = 9;  // of the default operators
  for (const auto& opset : file.opset_import())
    if (opset.domain().empty() && opset.version() < kOldest)
      throw file_error(
          detail::concat("ONNX: opset ", opset.version(), " is not supported, only ", kOldest, " and later"));
  ModelDescription model = detail::OnnxReader(file.graph(), bytes.size()).read();
  model.check();
  return model;
}

}  // namespace rondo::inline RONDO_ABI

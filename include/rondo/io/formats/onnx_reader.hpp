// SPDX-License-Identifier: MIT
// Reads an ONNX graph that is a chain of the modules of a model description, as torch.onnx.export and tf2onnx write it.
// Nodes are taken in their order, in which each comes after those it depends on. Only the nodes of the first output
// count. See docs/12-model-files.md. Legend: D directions, G gates; the rest as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_folding.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
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
    if (y.axes.empty() || y.axes.back() != y.features)
      throw file_error(who + ": its last axis is not that of the features");
    const auto has_time = [&](const OnnxAxis& axis) { return std::ranges::find(axis, time_) != axis.end(); };
    if (is_sized(time_) && std::ranges::none_of(y.axes, has_time))
      model_.warnings.push_back(
          "the graph returns only the last step; this model returns all, and the last is that one");
  }

  // ---- nodes with data ----

  Results apply(const OnnxNode& node) {
    using Function = Results (OnnxReader::*)(const OnnxNode&);
    static const std::map<std::string_view, Function> kFunctions{{"LSTM", &OnnxReader::recurrent},
                                                                 {"GRU", &OnnxReader::recurrent},
                                                                 {"MatMul", &OnnxReader::linear},
                                                                 {"Gemm", &OnnxReader::linear},
                                                                 {"Add", &OnnxReader::add},
                                                                 {"Mul", &OnnxReader::gain},
                                                                 {"Tanh", &OnnxReader::activation},
                                                                 {"Sigmoid", &OnnxReader::activation},
                                                                 {"Relu", &OnnxReader::activation},
                                                                 {"Elu", &OnnxReader::activation},
                                                                 {"Softplus", &OnnxReader::activation},
                                                                 {"Gather", &OnnxReader::gather},
                                                                 {"Shape", &OnnxReader::shape},
                                                                 {"Transpose", &OnnxReader::transpose},
                                                                 {"Reshape", &OnnxReader::reshape},
                                                                 {"Squeeze", &OnnxReader::squeeze},
                                                                 {"Unsqueeze", &OnnxReader::unsqueeze},
                                                                 {"Slice", &OnnxReader::slice},
                                                                 {"Cast", &OnnxReader::cast},
                                                                 {"Identity", &OnnxReader::identity},
                                                                 {"Dropout", &OnnxReader::dropout}};
    const auto found = kFunctions.find(node.type());
    if (found == kFunctions.end() || (!node.proto.domain().empty() && node.proto.domain() != "ai.onnx")) {
      std::string names;
      for (const auto& [name, function] : kFunctions) names += (names.empty() ? "" : ", ") + std::string(name);
      node.fail("this operator is not supported; supported are " + names);
    }
    return (this->*found->second)(node);
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

  /// Input n as a constant. Throws file_error.
  static const OnnxTensor& constant(const OnnxNode& node, std::size_t n, const char* what) {
    const OnnxValue& value = node.input(n);
    if (!value.is(Kind::constant) || value.expanded)
      node.fail(concat(what, " (input ", n, ") is no constant",
                       value.origin.empty() ? "" : ", it comes from " + value.origin));
    return *value.tensor;
  }
  static const OnnxTensor& constant(const OnnxNode& node, std::size_t n, const char* what,
                                    const std::vector<Index>& shape) {
    const OnnxTensor& tensor = constant(node, n, what);
    if (tensor.shape != shape)
      node.fail(concat(what, " is ", extents_text(tensor.shape), ", wanted ", extents_text(shape)));
    return tensor;
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

  Results activation(const OnnxNode& node) {
    static const std::map<std::string_view, Activation> kNames{{"Tanh", Activation::tanh},
                                                               {"Sigmoid", Activation::sigmoid},
                                                               {"Relu", Activation::relu},
                                                               {"Elu", Activation::elu},
                                                               {"Softplus", Activation::softplus}};
    const auto* alpha = node.attribute("alpha");
    if (node.type() == "Elu" && alpha && alpha->f() != 1)
      node.fail(concat("alpha is ", alpha->f(), ", only 1 is supported"));
    const Activation f = kNames.at(node.type());
    return {append(current(node, 0), name(f), ActivationModule{f})};
  }

  Results gain(const OnnxNode& node) {
    const std::size_t n = node.input(0).is(Kind::data) ? 0 : 1;
    const OnnxValue& x = current(node, n);
    const OnnxTensor& factor = constant(node, 1 - n, "the factor");
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
    const OnnxTensor& B = constant(node, 1, "the matrix");
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

  static void check_features(const OnnxNode& node, const OnnxValue& x, Index C) {
    const OnnxExtent size = onnx_extent(x.features);
    if (size.unknown.empty() && size.factor != C)
      node.fail(concat("its input has ", size.factor, " features, its matrix wants ", C));
  }

  /// K numbers of a constant that is added to K features in the last of `rank` axes. Throws file_error.
  static std::vector<double> bias_values(const OnnxNode& node, std::size_t n, Index K, std::size_t rank) {
    const OnnxTensor& b = constant(node, n, "the bias");
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
    if (node.input(0).is(Kind::data)) return {last_step(node)};
    const OnnxValue& x = data(node, 1);
    if (!x.tokens) node.fail("its indices are not the tokens of the input");
    if (x.point != 0 || !model_.modules.empty()) node.fail("an embedding can only be the first layer");
    const OnnxTensor& W = constant(node, 0, "the table");
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

  /// Whether the axis is that of time, known from a recurrent layer before.
  bool is_time(const OnnxAxis& axis) const { return is_sized(time_) && axis == OnnxAxis{time_}; }
  static bool is_sized(const OnnxAtom& atom) { return atom.id >= 0; }

  /// Also the only element of an axis of size 1.
  OnnxValue last_step(const OnnxNode& node) const {
    OnnxValue y = data(node, 0);
    const std::size_t number = node.axis(node.integer("axis", 0), y.axes.size());
    const OnnxAxis& axis = y.axes[number];
    const auto at = node.numbers(1);
    const Index size = axis.empty() ? 1 : is_time(axis) ? time_.size : 0;  // 0: not known
    const bool last = at && at->size() == 1 && ((*at)[0] == -1 || (size > 0 && (*at)[0] == size - 1));
    if (!last || !node.input(1).scalar || !(axis.empty() || is_time(axis)))
      node.fail("it takes a part of its input; only the last step after a recurrent layer is supported");
    y.axes.erase(y.axes.begin() + static_cast<Index>(number));
    return y;
  }

  /// All elements of an axis, the first features, or the last step.
  Results slice(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const auto ranges = slice_ranges(node, y.axes.size());
    if (!ranges) node.fail("its ranges are not constant, or its step is not 1");
    constexpr Index kEnd = Index{1} << 30;  // exporters write a large number
    for (const OnnxRange& given : *ranges) {
      OnnxAxis& axis = y.axes[given.axis];
      const OnnxExtent size = onnx_extent(axis);
      OnnxRange range = given;
      if (size.unknown.empty()) {
        range = clamped(range, size.factor);
        if (range.first == 0 && range.end == size.factor) continue;
        if (is_time(axis) && range.first == size.factor - 1 && range.end == size.factor) {
          axis.clear();
          continue;
        }
        if (axis == y.features && range.first == 0 && range.end > 0) {
          y.first_features = true;
          y.features = range.end == 1 ? OnnxAxis{} : OnnxAxis{{OnnxAtom::kFeatures, range.end}};
          axis = y.features;
          continue;
        }
      } else if (range.first == 0 && range.end >= kEnd) {
        continue;
      } else if (is_time(axis) && range.first == -1 && range.end >= kEnd) {
        axis.clear();
        continue;
      }
      node.fail("it takes a part of its input; only the first features and the last step are supported");
    }
    return {y};
  }

  // ---- nodes that only change the axes ----

  Results shape(const OnnxNode& node) {
    const OnnxValue& x = data(node, 0);
    OnnxRange range{0, node.integer("start", 0), node.integer("end", std::ssize(x.axes))};
    range = clamped(range, std::ssize(x.axes));
    OnnxValue value{.kind = Kind::extents};
    for (Index n = range.first; n < range.end; ++n)
      value.extents.push_back(onnx_extent(x.axes[static_cast<std::size_t>(n)]));
    return {value};
  }

  Results identity(const OnnxNode& node) { return {data(node, 0)}; }

  Results dropout(const OnnxNode& node) {
    const auto training = node.numbers(2);
    if (!node.input(2).is(Kind::absent) && training != std::vector<Index>{0}) node.fail("it is in training mode");
    return {data(node, 0)};
  }

  /// To other floating-point numbers, or from the input of the model to tokens.
  Results cast(const OnnxNode& node) {
    using Proto = ::onnx::TensorProto;
    OnnxValue y = data(node, 0);
    const Index to = node.integer("to", 0);
    const bool floats = to == Proto::FLOAT || to == Proto::DOUBLE || to == Proto::FLOAT16;
    const bool integers = to == Proto::INT64 || to == Proto::INT32;
    if (integers && y.point == 0 && !y.first_features) {
      y.tokens = true;
      y.features.clear();
    } else if (!floats || y.tokens) {
      node.fail("it converts its input to numbers of another kind");
    }
    return {y};
  }

  Results transpose(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const std::vector<OnnxAxis> before = std::move(y.axes);
    y.axes.clear();
    for (std::size_t axis : node.permutation(before.size())) y.axes.push_back(before[axis]);
    return {y};
  }

  Results squeeze(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const auto axes = node.axes(y.axes.size());
    if (axes.empty()) node.fail("it removes axes without naming them");
    for (std::size_t n = axes.size(); n-- > 0;) {
      if (!y.axes[axes[n]].empty())
        node.fail(concat("it removes axis ", axes[n], ", which may have more than one element"));
      y.axes.erase(y.axes.begin() + static_cast<Index>(axes[n]));
    }
    return {y};
  }

  Results unsqueeze(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const auto given = node.numbers(1);
    const std::size_t rank = y.axes.size() + (given ? given->size() : node.integers("axes").size());
    if (rank > kMostOnnxAxes) node.fail("it has too many axes");
    for (std::size_t axis : node.axes(rank)) y.axes.emplace(y.axes.begin() + static_cast<Index>(axis));
    return {y};
  }

  Results reshape(const OnnxNode& node) {
    OnnxValue y = data(node, 0);
    const OnnxValue& shape = node.input(1);
    if (!shape.is(Kind::extents) || shape.extents.size() > kMostOnnxAxes)
      node.fail("its shape is not followed" + (shape.origin.empty() ? "" : ": it comes from " + shape.origin));
    const auto axes = reshape_axes(y.axes, shape.extents, node.integer("allowzero", 0) != 0);
    if (!axes) node.fail("it may mix features with time or batch, or split features");
    y.axes = *axes;
    if (y.features.size() > 1)  // directions and units in one axis are the features of the next module
      if (const auto joined = std::ranges::find(y.axes, y.features); joined != y.axes.end())
        y.features = *joined = {{OnnxAtom::kFeatures, onnx_extent(y.features).factor}};
    return {y};
  }

  // ---- recurrent layers ----

  Results recurrent(const OnnxNode& node) {
    const bool gru = node.type() == "GRU";
    const OnnxValue& x = current_features(node, 0);
    const Index D = check_attributes(node, gru), G = gru ? 3 : 4;
    const bool batch_first = node.integer("layout", 0) != 0;
    if (x.axes.size() != 3) node.fail(concat("its input has ", x.axes.size(), " axes, wanted time, batch, features"));
    set_axes(node, x.axes[batch_first ? 1 : 0], x.axes[batch_first ? 0 : 1]);

    const OnnxTensor &W = constant(node, 1, "W"), &R = constant(node, 2, "R");
    if (W.shape.size() != 3 || R.shape.size() != 3)
      node.fail("W is " + extents_text(W.shape) + " and R is " + extents_text(R.shape) + ", wanted three axes each");
    const Index C = W.shape[2], H = R.shape[2];
    constant(node, 1, "W", {D, G * H, C});
    constant(node, 2, "R", {D, G * H, H});
    if (node.integer("hidden_size", H) != H)
      node.fail(concat("hidden_size is ", node.integer("hidden_size", H), ", R has H = ", H));
    check_features(node, x, C);
    if (!node.input(4).is(Kind::absent)) node.fail("sequence_lens is not supported");
    const bool bias = !node.input(3).is(Kind::absent), peepholes = !gru && !node.input(7).is(Kind::absent);
    const auto h0 = initial_state(node, 5, D, H, batch_first);
    const auto c0 = gru ? std::nullopt : initial_state(node, 6, D, H, batch_first);
    const OnnxTensor* B = bias ? &constant(node, 3, "B", {D, 2 * G * H}) : nullptr;
    const OnnxTensor* P = peepholes ? &constant(node, 7, "P", {D, 3 * H}) : nullptr;

    RecurrentModule part{gru         ? CellType::gru
                         : peepholes ? CellType::peephole_lstm
                                     : CellType::lstm,
                         {.input = C, .hidden = H, .bidirectional = D == 2, .bias = bias}};
    part.config.learned_initial_state = h0 || c0;
    OnnxValue y = append(x, gru ? "gru" : "lstm", part);
    for (Index d = 0; d < D; ++d) {
      const std::string end = d == 0 ? "_l0" : "_l0_reverse";
      add_gates("weight_ih" + end, W.values.data() + d * G * H * C, G, H, C);
      add_gates("weight_hh" + end, R.values.data() + d * G * H * H, G, H, H);
      if (bias) {
        add_gates("bias_ih" + end, B->values.data() + 2 * d * G * H, G, H, 0);
        add_gates("bias_hh" + end, B->values.data() + (2 * d + 1) * G * H, G, H, 0);
      }
      if (peepholes) {
        std::vector<double> p;  // H x 3, of i, f, o; ONNX: i, o, f
        for (Index k = 0; k < H; ++k)
          for (Index gate : {0, 2, 1}) p.push_back(P->values[static_cast<std::size_t>((3 * d + gate) * H + k)]);
        add_tensor("peephole" + end, {H, 3}, p);
      }
      if (part.config.learned_initial_state) {
        const std::vector<double> zeros(static_cast<std::size_t>(D * H));
        const auto state = [&](const auto& all) {
          const auto first = (all ? *all : zeros).begin() + d * H;
          return std::vector<double>(first, first + H);
        };
        add_tensor("h0" + end, {H}, state(h0));
        if (!gru) add_tensor("c0" + end, {H}, state(c0));
      }
    }
    return outputs(node, std::move(y), D, H, batch_first);
  }

  /// Gates of G x H x C numbers, or G x H if C is 0, in PyTorch's order.
  void add_gates(const std::string& name, const double* from, Index G, Index H, Index C) {
    const Index block = H * std::max<Index>(C, 1);
    std::vector<double> values;
    for (Index gate : G == 3 ? std::vector<Index>{1, 0, 2} : std::vector<Index>{0, 2, 3, 1})
      values.insert(values.end(), from + gate * block, from + (gate + 1) * block);
    add_tensor(name, C > 0 ? std::vector<Index>{G * H, C} : std::vector<Index>{G * H}, values);
  }

  /// The values Y, Y_h and Y_c.
  static Results outputs(const OnnxNode& node, OnnxValue y, Index D, Index H, bool batch_first) {
    const auto atoms = [](int id, Index size) { return size == 1 ? OnnxAxis{} : OnnxAxis{{id, size}}; };
    const OnnxAxis directions = atoms(H == 1 ? OnnxAtom::kFeatures : OnnxAtom::kDirections, D),
                   units = atoms(OnnxAtom::kFeatures, H);
    y.features = directions;
    y.features.insert(y.features.end(), units.begin(), units.end());
    const OnnxAxis time = y.axes[batch_first ? 1 : 0], batch = y.axes[batch_first ? 0 : 1];
    OnnxValue unknown{.kind = Kind::unknown};
    unknown.origin = "a final state of " + node.text();
    OnnxValue last = D == 2 ? unknown : y;  // the reverse direction's is that of the first step
    last.axes = batch_first ? std::vector<OnnxAxis>{batch, {}, units} : std::vector<OnnxAxis>{{}, batch, units};
    y.axes = batch_first ? std::vector<OnnxAxis>{batch, time, directions, units}
                         : std::vector<OnnxAxis>{time, directions, batch, units};
    return {std::move(y), std::move(last), std::move(unknown)};
  }

  /// Checks the attributes; returns the number of directions.
  static Index check_attributes(const OnnxNode& node, bool gru) {
    static const std::unordered_set<std::string_view> kKnown{"hidden_size",         "direction",      "layout",
                                                             "linear_before_reset", "input_forget",   "activations",
                                                             "activation_alpha",    "activation_beta"};
    for (const auto& a : node.proto.attribute())
      if (!kKnown.contains(a.name())) node.fail("the attribute " + a.name().substr(0, 100) + " is not supported");
    const auto* direction = node.attribute("direction");
    if (direction && direction->s() != "forward" && direction->s() != "bidirectional")
      node.fail("the direction " + direction->s().substr(0, 100) + " is not supported");
    const Index D = direction && direction->s() == "bidirectional" ? 2 : 1;
    if (gru && node.integer("linear_before_reset", 0) == 0)
      node.fail("linear_before_reset = 0 is another cell (Keras: reset_after=False), which is not supported");
    if (node.integer("input_forget", 0) != 0) node.fail("input_forget is not supported");
    if (const auto* activations = node.attribute("activations")) {
      std::vector<std::string_view> standard;
      for (Index d = 0; d < D; ++d) {
        standard.insert(standard.end(), {"Sigmoid", "Tanh"});
        if (!gru) standard.push_back("Tanh");
      }
      if (!std::ranges::equal(activations->strings(), standard))
        node.fail("only the standard activations are supported, Sigmoid for gates and Tanh");
    }
    return D;
  }

  /// Time and batch are the same axes in all recurrent layers.
  void set_axes(const OnnxNode& node, const OnnxAxis& time, const OnnxAxis& batch) {
    constexpr int kNone = -3;  // of size 1
    if (time.size() > 1 || batch.size() > 1) node.fail("several axes are joined to its time or batch axis");
    const OnnxAtom t = time.empty() ? OnnxAtom{kNone, 1} : time[0], b = batch.empty() ? OnnxAtom{kNone, 1} : batch[0];
    if ((!is_sized(t) && !time.empty()) || (!is_sized(b) && !batch.empty()))
      node.fail("its time or batch axis is one of features");
    if (has_axes_ && (t != time_ || b != batch_))
      node.fail("its time and batch axes are not those of the layers before");
    has_axes_ = true;
    time_ = t;
    batch_ = b;
  }

  /// D x H numbers, or none for zeros. An input of the graph is ignored: sequences start from zeros.
  std::optional<std::vector<double>> initial_state(const OnnxNode& node, std::size_t n, Index D, Index H,
                                                   bool batch_first) {
    const OnnxValue& value = node.input(n);
    const char* const what = n == 5 ? "initial_h" : "initial_c";
    if (value.is(Kind::absent)) return std::nullopt;
    if (value.is(Kind::state)) {
      const std::string warning = "the input " + value.origin + " of the graph is ignored: the state starts as zeros";
      if (std::ranges::find(model_.warnings, warning) == model_.warnings.end()) model_.warnings.push_back(warning);
      return std::nullopt;
    }
    if (value.is(Kind::fill)) {
      if (value.number == 0) return std::nullopt;
      return std::vector<double>(static_cast<std::size_t>(D * H), value.number);
    }
    if (!value.is(Kind::constant))
      node.fail(concat(what, " is no constant", value.origin.empty() ? "" : ", it comes from " + value.origin));
    const OnnxTensor& tensor = *value.tensor;
    std::vector<Index> shape = tensor.shape;
    if (value.expanded && shape.size() < 3) shape.insert(shape.begin(), 3 - shape.size(), 1);
    const std::size_t d_axis = batch_first ? 1 : 0, b_axis = 1 - d_axis;
    const auto fits = [&](std::size_t axis, Index size) {
      return shape[axis] == size || (value.expanded && shape[axis] == 1);
    };
    if (shape.size() != 3 || !fits(d_axis, D) || !fits(2, H))
      node.fail(concat(what, " is ", extents_text(tensor.shape), ", wanted ", D, " directions, a batch, and H = ", H));
    const auto strides = strides_of(shape);
    const auto at = [&](Index d, Index b, Index k) {
      const Index index = (shape[d_axis] > 1 ? d * strides[d_axis] : 0) + b * strides[b_axis] + (shape[2] > 1 ? k : 0);
      return tensor.values[static_cast<std::size_t>(index)];
    };
    std::vector<double> state;
    for (Index d = 0; d < D; ++d)
      for (Index k = 0; k < H; ++k) {
        state.push_back(at(d, 0, k));
        for (Index b = 1; b < shape[b_axis]; ++b)
          if (at(d, b, k) != state.back()) node.fail(concat(what, " is not the same for all sequences of the batch"));
      }
    if (std::ranges::all_of(state, [](double v) { return v == 0; })) return std::nullopt;
    return state;
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
  ModelDescription model = detail::OnnxReader(file.graph(), bytes.size()).read();
  model.check();
  return model;
}

}  // namespace rondo::inline RONDO_ABI

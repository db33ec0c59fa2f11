// SPDX-License-Identifier: MIT
// Nodes of an ONNX graph that are modules, or parts of one: each function has the node, appends to the chain or changes
// its last module, and throws file_error that names the node. Legend: as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_axes.hpp>
#include <rondo/io/formats/onnx_chain.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_recurrent.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

using OnnxValues = std::vector<OnnxValue>;  // of the outputs of a node

inline OnnxValues onnx_activation(OnnxChain& chain, const OnnxNode& node, Activation f) {
  const auto* alpha = node.attribute("alpha");
  if (f == Activation::elu && alpha && alpha->f() != 1)
    node.fail(concat("alpha is ", alpha->f(), ", only 1 is supported"));
  return {chain.append(chain.current(node, 0), name(f), ActivationModule{f})};
}

/// PyTorch's newer exporter writes softplus as x > 20 ? x : Softplus(x), with Greater and Where.
inline OnnxValues onnx_greater(OnnxChain& chain, const OnnxNode& node) {
  OnnxValue y = chain.data(node, 0);
  const OnnxTensor& threshold = constant_input(node, 1, "the threshold");
  if (threshold.values.size() != 1 || threshold.values[0] != 20)
    node.fail("it is supported only as a part of a softplus with the threshold 20");
  y.kind = OnnxValue::Kind::condition;
  return {y};
}
inline OnnxValues onnx_where(OnnxChain& chain, const OnnxNode& node) {
  const OnnxValue& condition = node.input(0);
  const OnnxValue &x = chain.data(node, 1), &y = chain.current(node, 2);
  const auto* module = chain.last<ActivationModule>();
  if (!condition.is(OnnxValue::Kind::condition) || !module || module->activation != Activation::softplus ||
      condition.point != x.point || x.point + 1 != y.point || x.is_part() || condition.axes != x.axes ||
      condition.axes != y.axes)
    node.fail("it is supported only as a part of a softplus");
  return {y};
}

inline OnnxValues onnx_gain(OnnxChain& chain, const OnnxNode& node) {
  const std::size_t n = node.input(0).is(OnnxValue::Kind::data) ? 0 : 1;
  const OnnxValue& x = chain.current(node, n);
  const OnnxTensor& factor = constant_input(node, 1 - n, "the factor");
  if (factor.values.size() != 1 || factor.shape.size() > x.axes.size())
    node.fail("the factor is " + extents_text(factor.shape) + " numbers, only one number is supported");
  return {chain.append(x, "gain", GainModule{factor.values[0]})};
}

/// K numbers of a constant that is added to K features in the last of `rank` axes. Throws file_error.
inline std::vector<double> bias_values(const OnnxNode& node, std::size_t n, Index K, std::size_t rank) {
  const OnnxTensor& b = constant_input(node, n, "the bias");
  const auto K_ = static_cast<std::size_t>(K);
  if (b.shape.size() > rank || (b.values.size() != 1 && (b.values.size() != K_ || b.shape.back() != K)))
    node.fail(concat("the bias is ", extents_text(b.shape), ", wanted ", K));
  return b.values.size() == 1 ? std::vector<double>(K_, b.values[0]) : b.values;
}

/// MatMul and Gemm.
inline OnnxValues onnx_linear(OnnxChain& chain, const OnnxNode& node) {
  const OnnxValue& x = chain.current_features(node, 0);
  const bool gemm = node.type() == "Gemm", bias = gemm && !node.input(2).is(OnnxValue::Kind::absent);
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
  const OnnxValue y = chain.append(x, "linear", LinearModule{{C, K, bias}}, K);
  chain.add_tensor("weight", {K, C}, W.values);
  if (bias) chain.add_tensor("bias", {K}, values);
  return {y};
}

inline OnnxValues onnx_skip(OnnxChain& chain, const OnnxNode& node) {
  const bool second = !chain.is_output(chain.data(node, 0)) || node.input(0).is_part();
  const OnnxValue &x = chain.current(node, second), &start = chain.data(node, !second);
  if (start.first_feature > 0) node.fail("it adds features of a layer that are not its first");
  if (start.tokens || start.axes != x.axes || start.features != x.features)
    node.fail("it adds values with other axes or another number of features");
  return {chain.append(x, "skip", SkipModule{start.point})};
}

/// A bias of the linear layer before, or a skip connection.
inline OnnxValues onnx_add(OnnxChain& chain, const OnnxNode& node) {
  if (node.input(0).is(OnnxValue::Kind::data) && node.input(1).is(OnnxValue::Kind::data)) return onnx_skip(chain, node);
  const std::size_t n = node.input(0).is(OnnxValue::Kind::data) ? 0 : 1;
  const OnnxValue& y = chain.current_features(node, n);
  auto* module = chain.last<LinearModule>();
  if (!module || module->config.bias) node.fail("a constant can only be added to a linear layer without bias");
  const Index K = module->config.output;
  chain.add_tensor("bias", {K}, bias_values(node, 1 - n, K, y.axes.size()));
  module->config.bias = true;
  return {chain.changed(y)};
}

/// An embedding, or the last step.
inline OnnxValues onnx_gather(OnnxChain& chain, const OnnxNode& node) {
  if (node.input(0).is(OnnxValue::Kind::data)) return {last_step(node, chain.data(node, 0), chain.time())};
  const OnnxValue& x = chain.data(node, 1);
  if (!x.tokens || x.slope != 1 || x.offset != 0) node.fail("its indices are not the tokens of the input");
  if (x.point != 0 || !chain.model().modules.empty()) node.fail("an embedding can only be the first layer");
  const OnnxTensor& W = constant_input(node, 0, "the table");
  if (W.shape.size() != 2 || node.axis(node.integer("axis", 0), 2) != 0)
    node.fail("it is no embedding: the table is " + extents_text(W.shape) + ", wanted V x D, and the axis 0");
  if (x.axes.size() == kMostOnnxAxes) node.fail("it has too many axes");
  OnnxValue y = x;
  y.tokens = false;
  y.axes.emplace_back();
  y = chain.append(y, "embedding", EmbeddingModule{W.shape[0], W.shape[1]}, W.shape[1]);
  chain.add_tensor("weight", W.shape, W.values);
  return {y};
}

/// The sum of the embeddings of a step.
inline OnnxValues onnx_sum(OnnxChain& chain, const OnnxNode& node) {
  OnnxValue y = chain.current_features(node, 0);
  auto* module = chain.last<EmbeddingModule>();
  const auto axes = node.axes(y.axes.size());
  const OnnxExtent ids = axes.size() == 1 ? onnx_extent(y.axes[axes[0]]) : OnnxExtent{};
  if (!module || module->ids_per_step != 1 || axes.size() != 1 || axes[0] + 1 == y.axes.size() || !ids.unknown.empty())
    node.fail("it is supported only as the sum of an embedding over an axis of ids with a known size");
  module->ids_per_step = ids.factor;
  y.axes[axes[0]].clear();
  if (node.integer("keepdims", 1) == 0) y.axes.erase(y.axes.begin() + static_cast<Index>(axes[0]));
  return {chain.changed(y)};
}

/// The directions of a recurrent layer, which the graph has taken apart.
inline OnnxValues onnx_concat(OnnxChain& chain, const OnnxNode& node) {
  std::vector<const OnnxValue*> parts;
  for (std::size_t n = 0; n < node.inputs.size(); ++n) parts.push_back(&chain.data(node, n));
  return {joined_features(node, parts)};
}

inline OnnxValues onnx_recurrent(OnnxChain& chain, const OnnxNode& node) {
  const OnnxValue& x = chain.current_features(node, 0);
  const bool batch_first = node.integer("layout", 0) != 0;
  if (x.axes.size() != 3) node.fail(concat("its input has ", x.axes.size(), " axes, wanted time, batch, features"));
  chain.set_axes(node, x.axes[batch_first ? 1 : 0], x.axes[batch_first ? 0 : 1]);
  const auto [part, tensors] = recurrent_layer(node, chain.model().warnings);
  check_features(node, x, part.config.input);
  const OnnxValue y = chain.append(x, node.type() == "GRU" ? "gru" : "lstm", part);
  for (const auto& [name, tensor] : tensors) chain.add_tensor(name, tensor.shape, tensor.values);
  return recurrent_outputs(node, y, part.config.directions(), part.config.hidden, batch_first);
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

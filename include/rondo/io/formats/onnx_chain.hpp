// SPDX-License-Identifier: MIT
// The modules that an ONNX graph has given so far, and which of its values are their outputs. A value is the output of
// a point of the chain: 0 is the input of the model, n the output of module n - 1. Legend: as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>
#include <rondo/io/model_description.hpp>

#include <string>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

class OnnxChain {
 public:
  OnnxChain() { model_.format = "ONNX"; }

  ModelDescription& model() { return model_; }
  const OnnxAtom& time() const { return time_; }
  /// The last module if it is a Part, else null.
  template <class Part>
  Part* last() {
    return model_.modules.empty() ? nullptr : std::get_if<Part>(&model_.modules.back().part);
  }
  bool is_output(const OnnxValue& y) const {
    return y.point == model_.modules.size() && y.revision == revisions_.back();
  }

  /// Input n as data of the model. Throws file_error.
  const OnnxValue& data(const OnnxNode& node, std::size_t n) const {
    const OnnxValue& x = node.input(n);
    if (!x.is(OnnxValue::Kind::data)) node.fail(concat("its input ", n, " does not depend on the input of the model"));
    if (x.revision != revisions_[x.point])
      node.fail("the graph branches: it reads a layer without its bias or sum, and another node with it");
    return x;
  }
  /// Input n as the floating-point output of the last module. Throws file_error.
  const OnnxValue& current(const OnnxNode& node, std::size_t n) const {
    const OnnxValue& x = data(node, n);
    if (x.tokens) node.fail("its input is tokens, which only an embedding can read");
    if (x.is_part()) node.fail("its input is only a part of the features of a layer");
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
  /// y, the output of the last module, which a node has changed: values from before are no longer its output.
  OnnxValue changed(OnnxValue y) {
    y.revision = ++revisions_.back();
    return y;
  }
  /// Adds a tensor of the last module.
  void add_tensor(const std::string& name, std::vector<Index> shape, const std::vector<double>& values) {
    add_exact(model_.weights, model_.modules.back().name + "." + name, std::move(shape), values);
  }

  /// Time and batch are the same axes in all recurrent layers. Throws file_error.
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

 private:
  ModelDescription model_;
  std::vector<std::size_t> revisions_{0};  // of each point
  bool has_axes_ = false;
  OnnxAtom time_{OnnxAtom::kFeatures, 0}, batch_{OnnxAtom::kFeatures, 0};  // of recurrent layers
};

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Nodes of an ONNX graph that do not depend on the model's data: constants, their rearrangements, and the computation
// of shapes. Exporters write many of them around a few layers.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Computes nodes without data among their inputs.
class OnnxFolding {
 public:
  /// bytes: size of the file, which bounds the memory for computed constants.
  explicit OnnxFolding(std::size_t bytes) : budget_(4 * bytes + 1024) {}

  /// The value of the outputs of a node (of all outputs: Split only splits what has the same value everywhere).
  OnnxValue fold(const OnnxNode& node) {
    using Kind = OnnxValue::Kind;
    OnnxValue unknown{.kind = Kind::unknown};
    unknown.origin = node.text();
    if (!node.is_standard()) return unknown;
    const std::string& type = node.type();
    const OnnxValue& x = node.input(0);
    if (type == "Constant") return constant(node, unknown);
    if (type == "ConstantOfShape") return constant_of_shape(node, unknown);
    if (type == "Mul" && x.is(Kind::extents) && node.input(1).is(Kind::extents)) return product(node, unknown);
    if (type == "Less" || type == "And") return condition(node, unknown);
    if (type == "ReduceProd" && x.is(Kind::extents)) return product_of_all(node);
    static const std::set<std::string_view> kRearrange{"Identity", "Cast",   "Transpose", "Reshape",
                                                       "Squeeze",  "Concat", "Slice",     "Gather",
                                                       "Expand",   "Split",  "Unsqueeze"};
    if (!kRearrange.contains(type)) return unknown;
    if (type == "Concat" || !x.is(Kind::extents))
      for (const OnnxValue* value : node.inputs)
        if (value->is(Kind::state)) return *value;
    if (x.is(Kind::fill)) {
      const bool same = std::ranges::all_of(
          node.inputs, [&](const OnnxValue* v) { return v->is(Kind::fill) && v->number == x.number; });
      return type != "Concat" || same ? x : unknown;
    }
    if (x.is(Kind::extents)) return extents(node, unknown);
    if (x.is(Kind::constant)) return x.expanded ? expanded(node, unknown) : rearranged(node, unknown);
    return x.is(Kind::unknown) ? x : unknown;
  }

 private:
  void spend(std::size_t count) {
    if (count > budget_) throw file_error("the constants of the graph are computed from each other and too large");
    budget_ -= count;
  }

  static OnnxValue fill(double number) {
    OnnxValue value{.kind = OnnxValue::Kind::fill};
    value.number = number;
    return value;
  }

  OnnxValue constant(const OnnxNode& node, const OnnxValue& unknown) {
    if (const auto* a = node.attribute("value")) return onnx_value(a->t(), node.text());
    OnnxValue value{.kind = OnnxValue::Kind::extents};
    if (const auto* a = node.attribute("value_int")) {
      value.extents.push_back({onnx_integer(a->i())});
      value.scalar = true;
      return value;
    }
    if (const auto* a = node.attribute("value_ints")) {
      if (static_cast<std::size_t>(a->ints_size()) > kMostOnnxExtents) return unknown;
      for (Index number : a->ints()) value.extents.push_back({onnx_integer(number)});
      return value;
    }
    if (const auto* a = node.attribute("value_float")) return onnx_constant({{}, {a->f()}});
    if (const auto* a = node.attribute("value_floats"))
      return onnx_constant({{Index{a->floats_size()}}, {a->floats().begin(), a->floats().end()}});
    return unknown;
  }

  OnnxValue constant_of_shape(const OnnxNode& node, const OnnxValue& unknown) {
    const auto* a = node.attribute("value");
    if (!a) return fill(0);
    const OnnxValue value = onnx_value(a->t(), node.text());
    if (value.is(OnnxValue::Kind::constant) && value.tensor->values.size() == 1) return fill(value.tensor->values[0]);
    return unknown;
  }

  static OnnxValue product(const OnnxNode& node, const OnnxValue& unknown) {
    const OnnxValue &a = node.input(0), &b = node.input(1);
    if (a.extents.size() != 1 || b.extents.size() != 1) return unknown;
    OnnxValue value{.kind = OnnxValue::Kind::extents};
    value.extents = {multiply(a.extents[0], b.extents[0])};
    value.scalar = a.scalar && b.scalar;
    return value;
  }

  /// Less and And of sizes and constants, where they are known: sizes are at least 1.
  static OnnxValue condition(const OnnxNode& node, const OnnxValue& unknown) {
    OnnxValue value{.kind = OnnxValue::Kind::extents};
    value.scalar = true;
    OnnxExtent sides[2];
    for (std::size_t n : {0, 1}) {
      const OnnxValue& x = node.input(n);
      if (x.is(OnnxValue::Kind::extents) && x.extents.size() == 1)
        sides[n] = x.extents[0];
      else if (x.is(OnnxValue::Kind::constant) && x.tensor->values.size() == 1 && std::abs(x.tensor->values[0]) < 1e9 &&
               x.tensor->values[0] == std::floor(x.tensor->values[0]))
        sides[n].factor = static_cast<Index>(x.tensor->values[0]);
      else
        return unknown;
    }
    const auto& [a, b] = sides;
    if (!a.unknown.empty() || b.factor < 0) return unknown;
    if (node.type() == "And" && b.unknown.empty())
      value.extents = {{a.factor != 0 && b.factor != 0 ? 1 : 0}};
    else if (node.type() == "Less" && (b.unknown.empty() || a.factor < b.factor))
      value.extents = {{a.factor < b.factor ? 1 : 0}};
    else
      return unknown;
    return value;
  }

  /// ReduceProd of a list, which has only one axis.
  static OnnxValue product_of_all(const OnnxNode& node) {
    OnnxValue value{.kind = OnnxValue::Kind::extents};
    OnnxExtent product;
    for (const OnnxExtent& extent : node.input(0).extents) product = multiply(product, extent);
    value.extents = {std::move(product)};
    value.scalar = node.integer("keepdims", 1) == 0;
    return value;
  }

  /// Rearranged lists of sizes.
  static OnnxValue extents(const OnnxNode& node, const OnnxValue& unknown) {
    const std::string& type = node.type();
    OnnxValue value = node.input(0);
    const auto only = [&] { return value.extents.size() == 1; };
    if (type == "Identity") return value;
    if (type == "Cast") {
      const Index to = node.integer("to", 0);
      using Proto = ::onnx::TensorProto;
      const bool same = to == Proto::INT64 || to == Proto::INT32 || to == Proto::FLOAT || to == Proto::DOUBLE;
      return same ? value : unknown;
    }
    if (type == "Unsqueeze" || type == "Squeeze" || type == "Reshape") {
      const auto shape = node.numbers(1);
      const bool to_scalar = type == "Squeeze" || (type == "Reshape" && shape && shape->empty());
      if (type == "Reshape" && (!shape || shape->size() > 1)) return unknown;
      if ((type != "Reshape" || to_scalar) && !only()) return unknown;
      if (type == "Unsqueeze" && !value.scalar) return unknown;
      value.scalar = to_scalar;
      return value;
    }
    if (type == "Slice") {
      const auto ranges = value.scalar ? std::nullopt : slice_ranges(node, 1);
      if (!ranges || ranges->size() != 1) return unknown;
      const OnnxRange range = clamped((*ranges)[0], std::ssize(value.extents));
      value.extents = {node.input(0).extents.begin() + range.first, node.input(0).extents.begin() + range.end};
      return value;
    }
    if (type == "Gather") {
      const auto at = node.numbers(1);
      if (!at || value.scalar) return unknown;
      value.extents.clear();
      for (Index n : *at) value.extents.push_back(node.input(0).extents[node.axis(n, node.input(0).extents.size())]);
      value.scalar = node.input(1).scalar;
      return value;
    }
    if (type == "Concat") {
      value.extents.clear();
      for (const OnnxValue* part : node.inputs) {
        if (!part->is(OnnxValue::Kind::extents) || part->scalar) return unknown;
        value.extents.insert(value.extents.end(), part->extents.begin(), part->extents.end());
        if (value.extents.size() > kMostOnnxExtents) return unknown;
      }
      return value;
    }
    return unknown;
  }

  /// A constant that was repeated along some axes: nodes after which it still is one.
  OnnxValue expanded(const OnnxNode& node, const OnnxValue& unknown) {
    const std::string& type = node.type();
    if (type != "Identity" && type != "Slice" && type != "Transpose" && type != "Expand") return unknown;
    if (type == "Expand") return node.input(0);
    OnnxValue value = rearranged(node, unknown);
    value.expanded = value.is(OnnxValue::Kind::constant);
    return value;
  }

  OnnxValue rearranged(const OnnxNode& node, const OnnxValue& unknown) {
    const std::string& type = node.type();
    const OnnxTensor& x = *node.input(0).tensor;
    const auto strides = strides_of(x.shape);
    if (type == "Identity") return node.input(0);
    if (type == "Cast") {
      const Index to = node.integer("to", 0);
      return to == ::onnx::TensorProto::FLOAT || to == ::onnx::TensorProto::DOUBLE ? node.input(0) : unknown;
    }
    if (type == "Expand") {
      if (x.values.size() == 1) return fill(x.values[0]);
      OnnxValue value = node.input(0);
      value.expanded = true;
      return value;
    }
    if (type == "Concat") return joined(node, unknown);
    if (type == "Transpose") {
      std::vector<Index> shape, steps;
      for (std::size_t axis : node.permutation(x.shape.size())) {
        shape.push_back(x.shape[axis]);
        steps.push_back(strides[axis]);
      }
      spend(x.values.size());
      return onnx_constant(strided(x, shape, steps, 0));
    }
    if (type == "Slice") {
      const auto ranges = slice_ranges(node, x.shape.size());
      if (!ranges) return unknown;
      std::vector<Index> shape = x.shape;
      Index offset = 0;
      for (const OnnxRange& given : *ranges) {
        const OnnxRange range = clamped(given, x.shape[given.axis]);
        shape[range.axis] = range.end - range.first;
        offset += range.first * strides[range.axis];
        if (shape[range.axis] == 0) return unknown;
      }
      spend(x.values.size());
      return onnx_constant(strided(x, shape, strides, offset));
    }
    OnnxTensor result{{}, {}};
    if (type == "Squeeze") {
      const auto axes = node.axes(x.shape.size());
      const bool all = node.input(1).is(OnnxValue::Kind::absent) && !node.attribute("axes");
      for (std::size_t n = 0; n < x.shape.size(); ++n) {
        const bool removed = all ? x.shape[n] == 1 : std::ranges::binary_search(axes, n);
        if (removed && x.shape[n] != 1) node.fail("removes an axis that has not size 1");
        if (!removed) result.shape.push_back(x.shape[n]);
      }
    } else if (type == "Unsqueeze") {
      const std::size_t added = node.numbers(1) ? node.numbers(1)->size() : node.integers("axes").size();
      if (x.shape.size() + added > kMostOnnxAxes) return unknown;
      result.shape = x.shape;
      for (std::size_t axis : node.axes(x.shape.size() + added))
        result.shape.insert(result.shape.begin() + static_cast<Index>(axis), 1);
    } else if (type == "Reshape") {
      const auto shape = node.numbers(1);
      if (!shape || !fits(x, *shape)) return unknown;
      result.shape = *shape;
    } else {
      return unknown;
    }
    spend(x.values.size());
    result.values = x.values;
    return onnx_constant(std::move(result));
  }

  static bool fits(const OnnxTensor& x, const std::vector<Index>& shape) {
    const auto bytes = bytes_of_shape(shape, 1);
    return bytes && *bytes == x.values.size() && shape.size() <= kMostOnnxAxes;
  }

  OnnxValue joined(const OnnxNode& node, const OnnxValue& unknown) {
    OnnxTensor result = *node.input(0).tensor;
    const std::size_t axis = node.axis(node.integer("axis", 0), result.shape.size());
    Index outer = 1;
    for (std::size_t n = 0; n < axis; ++n) outer *= result.shape[n];
    result.shape[axis] = 0;
    std::size_t count = 0;
    for (const OnnxValue* part : node.inputs) {
      if (!part->is(OnnxValue::Kind::constant) || part->expanded) return unknown;
      std::vector<Index> shape = part->tensor->shape;
      if (shape.size() != result.shape.size()) return unknown;
      const Index extent = std::exchange(shape[axis], result.shape[axis]);
      if (shape != result.shape) return unknown;
      result.shape[axis] += extent;
      count += part->tensor->values.size();
    }
    spend(count);
    result.values.clear();
    for (Index n = 0; n < outer; ++n)
      for (const OnnxValue* part : node.inputs) {
        const auto& values = part->tensor->values;
        const Index run = std::ssize(values) / outer;
        result.values.insert(result.values.end(), values.begin() + n * run, values.begin() + (n + 1) * run);
      }
    return onnx_constant(std::move(result));
  }

  std::size_t budget_;
};

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// A node of an ONNX graph with what is known about its inputs: access to attributes and inputs, with errors that name
// the node.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_values.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// A node with the values of its inputs.
struct OnnxNode {
  const ::onnx::NodeProto& proto;
  std::vector<const OnnxValue*> inputs;

  const std::string& type() const { return proto.op_type(); }
  /// Whether the operator is one of ONNX itself.
  bool is_standard() const { return proto.domain().empty() || proto.domain() == "ai.onnx"; }
  std::string text() const {
    const std::string& name = proto.name().empty() && proto.output_size() > 0 ? proto.output(0) : proto.name();
    const std::string domain = proto.domain().empty() ? "" : proto.domain().substr(0, 100) + ".";
    return concat("node ", name.substr(0, 100), " (", domain, type().substr(0, 100), ")");
  }
  [[noreturn]] void fail(const std::string& what) const { throw file_error(text() + ": " + what); }

  const OnnxValue& input(std::size_t n) const {
    static const OnnxValue absent;
    return n < inputs.size() ? *inputs[n] : absent;
  }
  const ::onnx::AttributeProto* attribute(std::string_view name) const {
    for (const auto& a : proto.attribute())
      if (a.name() == name) return &a;
    return nullptr;
  }
  Index integer(std::string_view name, Index otherwise) const {
    const auto* a = attribute(name);
    return a ? a->i() : otherwise;
  }
  std::vector<Index> integers(std::string_view name) const {
    const auto* a = attribute(name);
    return a ? std::vector<Index>(a->ints().begin(), a->ints().end()) : std::vector<Index>{};
  }

  /// The integers of an input that is a constant; no value if it is none.
  std::optional<std::vector<Index>> numbers(std::size_t n) const {
    const OnnxValue& value = input(n);
    if (!value.is(OnnxValue::Kind::extents)) return std::nullopt;
    std::vector<Index> all;
    for (const OnnxExtent& extent : value.extents) {
      if (!extent.unknown.empty()) return std::nullopt;
      all.push_back(extent.factor);
    }
    return all;
  }
  /// Axis number of a value with `rank` axes, from a number that may count from the end. Throws file_error.
  std::size_t axis(Index number, std::size_t rank) const {
    const Index n = number < 0 ? number + static_cast<Index>(rank) : number;
    if (n < 0 || n >= static_cast<Index>(rank)) fail(concat("there is no axis ", number, ", only ", rank, " axes"));
    return static_cast<std::size_t>(n);
  }
  /// The axes of Squeeze and Unsqueeze: an input, or an attribute before opset 13. Sorted. Throws file_error.
  std::vector<std::size_t> axes(std::size_t rank) const {
    std::vector<Index> all = integers("axes");
    if (!input(1).is(OnnxValue::Kind::absent)) {
      const auto given = numbers(1);
      if (!given) fail("its axes are not constant");
      all = *given;
    }
    std::set<std::size_t> sorted;
    for (Index number : all)
      if (!sorted.insert(axis(number, rank)).second) fail("names an axis twice");
    return {sorted.begin(), sorted.end()};
  }
  /// The order of the axes after Transpose. Throws file_error.
  std::vector<std::size_t> permutation(std::size_t rank) const {
    std::vector<std::size_t> order;
    for (Index number : integers("perm")) order.push_back(axis(number, rank));
    if (!attribute("perm"))
      for (std::size_t n = rank; n-- > 0;) order.push_back(n);
    if (order.size() != rank || std::set(order.begin(), order.end()).size() != rank) fail("perm is no permutation");
    return order;
  }
};

/// Input n as a constant. Throws file_error.
inline const OnnxTensor& constant_input(const OnnxNode& node, std::size_t n, const char* what) {
  const OnnxValue& value = node.input(n);
  if (!value.is(OnnxValue::Kind::constant) || value.expanded)
    node.fail(
        concat(what, " (input ", n, ") is no constant", value.origin.empty() ? "" : ", it comes from " + value.origin));
  return *value.tensor;
}
inline const OnnxTensor& constant_input(const OnnxNode& node, std::size_t n, const char* what,
                                        const std::vector<Index>& shape) {
  const OnnxTensor& tensor = constant_input(node, n, what);
  if (tensor.shape != shape)
    node.fail(concat(what, " is ", extents_text(tensor.shape), ", wanted ", extents_text(shape)));
  return tensor;
}

/// Throws file_error unless the input has C features or an unknown number.
inline void check_features(const OnnxNode& node, const OnnxValue& x, Index C) {
  const OnnxExtent size = onnx_extent(x.features);
  if (size.unknown.empty() && size.factor != C)
    node.fail(concat("its input has ", size.factor, " features, its matrix wants ", C));
}

/// One axis of a Slice with step 1: elements first to end - 1. Both may count from the end.
struct OnnxRange {
  std::size_t axis;
  Index first, end;
};

/// The ranges of a Slice; no value if they are not constant or the step is not 1. Throws file_error.
inline std::optional<std::vector<OnnxRange>> slice_ranges(const OnnxNode& node, std::size_t rank) {
  const auto first = node.numbers(1), end = node.numbers(2), axes = node.numbers(3), steps = node.numbers(4);
  const auto absent = [&](std::size_t n) { return node.input(n).is(OnnxValue::Kind::absent); };
  if (!first || !end || first->size() != end->size()) return std::nullopt;
  if ((!axes && !absent(3)) || (!steps && !absent(4))) return std::nullopt;
  if ((axes && axes->size() != first->size()) || (steps && steps->size() != first->size())) return std::nullopt;
  if (steps && std::ranges::any_of(*steps, [](Index step) { return step != 1; })) return std::nullopt;
  std::vector<OnnxRange> ranges;
  for (std::size_t n = 0; n < first->size(); ++n)
    ranges.push_back({node.axis(axes ? (*axes)[n] : static_cast<Index>(n), rank), (*first)[n], (*end)[n]});
  return ranges;
}

/// The same range of an axis of known size, with 0 <= first <= end <= size.
inline OnnxRange clamped(OnnxRange range, Index size) {
  const auto place = [size](Index at) { return std::clamp<Index>(at < 0 ? at + size : at, 0, size); };
  range.first = place(range.first);
  range.end = std::max(range.first, place(range.end));
  return range;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

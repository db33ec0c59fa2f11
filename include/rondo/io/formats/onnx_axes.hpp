// SPDX-License-Identifier: MIT
// Nodes of an ONNX graph that only change the axes of the model's data, or take a part of it. Each function has the
// node and its input and throws file_error that names the node. Legend: as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/formats/onnx_node.hpp>
#include <rondo/io/formats/onnx_values.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Whether the axis is that of time, which is known from a recurrent layer before.
inline bool is_axis_of(const OnnxAxis& axis, const OnnxAtom& time) { return time.of_input() && axis == OnnxAxis{time}; }

/// Shape: the sizes of the axes.
inline OnnxValue sizes_of_axes(const OnnxNode& node, const OnnxValue& x) {
  OnnxRange range{0, node.integer("start", 0), node.integer("end", std::ssize(x.axes))};
  range = clamped(range, std::ssize(x.axes));
  OnnxValue value{.kind = OnnxValue::Kind::extents};
  for (Index n = range.first; n < range.end; ++n)
    value.extents.push_back(onnx_extent(x.axes[static_cast<std::size_t>(n)]));
  return value;
}

/// Dropout, which is the identity in inference.
inline OnnxValue without_dropout(const OnnxNode& node, const OnnxValue& x) {
  const auto training = node.numbers(2);
  if (!node.input(2).is(OnnxValue::Kind::absent) && training != std::vector<Index>{0})
    node.fail("it is in training mode");
  return x;
}

/// To other floating-point numbers, or from the input of the model to tokens.
inline OnnxValue cast(const OnnxNode& node, OnnxValue y) {
  using Proto = ::onnx::TensorProto;
  const Index to = node.integer("to", 0);
  const bool floats = to == Proto::FLOAT || to == Proto::DOUBLE || to == Proto::FLOAT16;
  const bool integers = to == Proto::INT64 || to == Proto::INT32;
  if (integers && y.point == 0 && !y.is_part()) {
    if (!y.features.empty())  // not features, but the axis of this number
      for (std::size_t n = 0; n < y.axes.size(); ++n)
        if (y.axes[n] == y.features) y.axes[n][0].id = static_cast<int>(n);
    y.tokens = true;
    y.features.clear();
  } else if (!floats || y.tokens) {
    node.fail("it converts its input to numbers of another kind");
  }
  return y;
}

inline OnnxValue transposed(const OnnxNode& node, OnnxValue y) {
  const std::vector<OnnxAxis> before = std::move(y.axes);
  y.axes.clear();
  for (std::size_t axis : node.permutation(before.size())) y.axes.push_back(before[axis]);
  return y;
}

inline OnnxValue squeezed(const OnnxNode& node, OnnxValue y) {
  const auto axes = node.axes(y.axes.size());
  if (axes.empty()) node.fail("it removes axes without naming them");
  for (std::size_t n = axes.size(); n-- > 0;) {
    if (!y.axes[axes[n]].empty())
      node.fail(concat("it removes axis ", axes[n], ", which may have more than one element"));
    y.axes.erase(y.axes.begin() + static_cast<Index>(axes[n]));
  }
  return y;
}

inline OnnxValue unsqueezed(const OnnxNode& node, OnnxValue y) {
  const auto given = node.numbers(1);
  const std::size_t rank = y.axes.size() + (given ? given->size() : node.integers("axes").size());
  if (rank > kMostOnnxAxes) node.fail("it has too many axes");
  for (std::size_t axis : node.axes(rank)) y.axes.emplace(y.axes.begin() + static_cast<Index>(axis));
  return y;
}

inline OnnxValue reshaped(const OnnxNode& node, OnnxValue y) {
  const OnnxValue& shape = node.input(1);
  if (!shape.is(OnnxValue::Kind::extents) || shape.extents.size() > kMostOnnxAxes)
    node.fail("its shape is not followed" + (shape.origin.empty() ? "" : ": it comes from " + shape.origin));
  const auto axes = reshape_axes(y.axes, shape.extents, node.integer("allowzero", 0) != 0);
  if (!axes) node.fail("it may mix features with time or batch, or split features");
  y.axes = *axes;
  if (y.features.size() > 1)  // directions and units in one axis are the features of the next module
    if (const auto joined = std::ranges::find(y.axes, y.features); joined != y.axes.end())
      y.features = *joined = {{OnnxAtom::kFeatures, onnx_extent(y.features).factor}};
  return y;
}

/// Gather of the last step, or of the only element of an axis of size 1.
inline OnnxValue last_step(const OnnxNode& node, OnnxValue y, const OnnxAtom& time) {
  const std::size_t number = node.axis(node.integer("axis", 0), y.axes.size());
  const OnnxAxis& axis = y.axes[number];
  const auto at = node.numbers(1);
  const Index size = axis.empty() ? 1 : is_axis_of(axis, time) ? time.size : 0;  // 0: not known
  const bool last = at && at->size() == 1 && ((*at)[0] == -1 || (size > 0 && (*at)[0] == size - 1));
  if (!last || !node.input(1).scalar || !(axis.empty() || is_axis_of(axis, time)))
    node.fail("it takes a part of its input; only the last step after a recurrent layer is supported");
  y.axes.erase(y.axes.begin() + static_cast<Index>(number));
  return y;
}

/// Takes the features first to end - 1 of those of y.
inline void take_features(OnnxValue& y, Index first, Index end) {
  if (!y.is_part()) y.whole_features = onnx_extent(y.features).factor;
  y.first_feature += first;
  y.features = end - first == 1 ? OnnxAxis{} : OnnxAxis{{OnnxAtom::kFeatures, end - first}};
}

/// All elements of an axis, some of the features, one direction, or the last step.
inline OnnxValue sliced(const OnnxNode& node, OnnxValue y, const OnnxAtom& time) {
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
      if (is_axis_of(axis, time) && range.first == size.factor - 1 && range.end == size.factor) {
        axis.clear();
        continue;
      }
      if (axis == y.features && range.first < range.end) {
        take_features(y, range.first, range.end);
        axis = y.features;
        continue;
      }
      const bool directions = axis.size() == 1 && axis[0].id == OnnxAtom::kDirections;
      if (directions && !y.is_part() && range.end == range.first + 1) {
        const Index H = onnx_extent(y.features).factor / size.factor;
        take_features(y, range.first * H, range.end * H);
        axis.clear();
        continue;
      }
    } else if (range.first == 0 && range.end >= kEnd) {
      continue;
    } else if (is_axis_of(axis, time) && range.first == -1 && range.end >= kEnd) {
      axis.clear();
      continue;
    }
    node.fail("it takes a part of its input; only features, directions and the last step are supported");
  }
  return y;
}

/// Concat of parts of the features of one layer, as tf2onnx writes it after the two directions. parts: data of the
/// model.
inline OnnxValue joined_features(const OnnxNode& node, const std::vector<const OnnxValue*>& parts) {
  OnnxValue y = *parts[0];
  const std::size_t axis = node.axis(node.integer("axis", 0), y.axes.size());
  Index count = 0;
  for (const OnnxValue* part : parts) {
    std::vector<OnnxAxis> axes = part->axes;
    if (axes.size() != y.axes.size() || part->point != y.point || part->whole_features != y.whole_features ||
        !part->is_part() || axes[axis] != part->features || part->first_feature != y.first_feature + count)
      node.fail("it joins values that are not consecutive features of one layer");
    count += onnx_extent(part->features).factor;
    axes[axis] = y.axes[axis];
    if (axes != y.axes) node.fail("it joins values with different axes");
  }
  y.features = count == 1 ? OnnxAxis{} : OnnxAxis{{OnnxAtom::kFeatures, count}};
  y.axes[axis] = y.features;
  if (count == y.whole_features) y.whole_features = 0;
  return y;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

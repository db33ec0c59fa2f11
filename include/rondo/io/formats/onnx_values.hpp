// SPDX-License-Identifier: MIT
// What the reader of ONNX graphs knows about a value: that it is data of the model, with the meaning of its axes, a
// constant, or the size of something. Axes are lists of atoms (time, batch, directions, features), so that Reshape and
// Transpose can be followed exactly. Legend: as in model_description.hpp.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/io/safetensors.hpp>
#include <rondo/io/weights.hpp>

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

inline constexpr std::size_t kMostOnnxAxes = 16;     // of a value
inline constexpr std::size_t kMostOnnxExtents = 64;  // of a list of sizes

/// A part of an axis that is never split. Parts of size 1 are left out.
struct OnnxAtom {
  int id = 0;      ///< number of the axis of the input, or kDirections, kFeatures
  Index size = 0;  ///< 0: not known before the graph runs

  static constexpr int kDirections = -1, kFeatures = -2;
  /// Whether it is an axis of the input, of time or batch.
  bool of_input() const { return id >= 0; }
  bool operator==(const OnnxAtom&) const = default;
};

/// An axis: its atoms, slowest first; empty for size 1.
using OnnxAxis = std::vector<OnnxAtom>;

/// factor times the sizes of some atoms that are not known.
struct OnnxExtent {
  Index factor = 1;
  std::vector<int> unknown = {};  ///< ids of atoms, sorted
};

/// A constant of floating-point numbers, row-major.
struct OnnxTensor {
  std::vector<Index> shape;
  std::vector<double> values;
};

/// What is known about a value.
struct OnnxValue {
  enum class Kind {
    absent,     ///< an optional input that is not there
    data,       ///< depends on the input of the model
    constant,   ///< numbers
    fill,       ///< one number, in any shape
    extents,    ///< integers: constants and sizes of data
    condition,  ///< of an element of data
    state,      ///< depends on another input of the graph, an initial state
    unknown     ///< depends on constants and sizes in a way that is not followed
  };
  Kind kind = Kind::absent;

  // data
  std::size_t point = 0;     ///< 0: the input of the model; n: the output of module n - 1
  std::size_t revision = 0;  ///< counts the nodes that changed that module, e.g. added its bias
  bool tokens = false;       ///< integers, computed from ids: slope * id + offset for every id from 0 on
  Index slope = 1;           ///< tokens
  Index offset = 0;          ///< tokens
  Index first_feature = 0;   ///< of a part of the point's features
  Index whole_features = 0;  ///< number of features that it is a part of; 0: it is no part
  std::vector<OnnxAxis> axes = {};
  OnnxAxis features = {};  ///< atoms of the features, as they stand in the axis of the features

  std::shared_ptr<const OnnxTensor> tensor = nullptr;  ///< constant
  bool expanded = false;                               ///< constant: repeated along axes of size 1
  double number = 0;                                   ///< fill
  std::vector<OnnxExtent> extents = {};                ///< extents
  bool scalar = false;                                 ///< extents: no list
  std::string origin = {};                             ///< state, unknown: the input or node

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_part() const { return whole_features > 0; }
};

inline OnnxValue onnx_constant(OnnxTensor tensor) {
  OnnxValue value{.kind = OnnxValue::Kind::constant};
  value.tensor = std::make_shared<const OnnxTensor>(std::move(tensor));
  return value;
}

/// An integer of the file; exporters write the largest as the end of a Slice.
inline Index onnx_integer(Index number) {
  constexpr Index kLargest = Index{1} << 40;
  return std::clamp(number, -kLargest, kLargest);
}

/// The size of an axis.
inline OnnxExtent onnx_extent(const OnnxAxis& axis) {
  OnnxExtent extent;
  for (const OnnxAtom& atom : axis)
    if (atom.size > 0)
      extent.factor *= atom.size;
    else
      extent.unknown.push_back(atom.id);
  std::ranges::sort(extent.unknown);
  return extent;
}

/// The product of two sizes. Throws file_error if it is too large.
inline OnnxExtent multiply(const OnnxExtent& a, const OnnxExtent& b) {
  constexpr Index kLargest = Index{1} << 31;
  if (std::max(std::abs(a.factor), std::abs(b.factor)) > kLargest ||
      a.unknown.size() + b.unknown.size() > kMostOnnxAxes)
    throw file_error("a product of sizes is too large");
  OnnxExtent product{a.factor * b.factor, a.unknown};
  product.unknown.insert(product.unknown.end(), b.unknown.begin(), b.unknown.end());
  std::ranges::sort(product.unknown);
  return product;
}

/// Takes the atom out of a size that is to be filled with atoms; false if it does not divide it.
inline bool take_atom(OnnxExtent& rest, const OnnxAtom& atom) {
  if (atom.size == 0) {
    const auto found = std::ranges::find(rest.unknown, atom.id);
    if (found == rest.unknown.end()) return false;
    rest.unknown.erase(found);
    return true;
  }
  if (rest.factor <= 0 || rest.factor % atom.size != 0) return false;
  rest.factor /= atom.size;
  return true;
}

/// The axes after Reshape to `shape`, where -1 is the rest and 0 the size of the same axis of the input. No value if an
/// atom would be split, which mixes features with other axes.
inline std::optional<std::vector<OnnxAxis>> reshape_axes(const std::vector<OnnxAxis>& axes,
                                                         std::vector<OnnxExtent> shape, bool allow_zero) {
  OnnxAxis atoms;
  for (const OnnxAxis& axis : axes) atoms.insert(atoms.end(), axis.begin(), axis.end());
  std::size_t rest = shape.size();
  for (std::size_t n = 0; n < shape.size(); ++n) {
    if (shape[n].unknown.empty() && shape[n].factor == -1) {
      if (rest < shape.size()) return std::nullopt;
      rest = n;
    } else if (shape[n].unknown.empty() && shape[n].factor == 0 && !allow_zero) {
      if (n >= axes.size()) return std::nullopt;
      shape[n] = onnx_extent(axes[n]);
    }
  }
  std::vector<OnnxAxis> result(shape.size());
  std::size_t first = 0, last = atoms.size();
  const auto done = [](const OnnxExtent& extent) { return extent.factor == 1 && extent.unknown.empty(); };
  for (std::size_t n = 0; n < rest; ++n)
    for (; !done(shape[n]); ++first) {
      if (first == last || !take_atom(shape[n], atoms[first])) return std::nullopt;
      result[n].push_back(atoms[first]);
    }
  for (std::size_t n = shape.size(); n-- > rest + 1;)
    for (; !done(shape[n]); --last) {
      if (first == last || !take_atom(shape[n], atoms[last - 1])) return std::nullopt;
      result[n].insert(result[n].begin(), atoms[last - 1]);
    }
  if (rest == shape.size()) return first == last ? std::optional(result) : std::nullopt;
  result[rest].assign(atoms.begin() + static_cast<Index>(first), atoms.begin() + static_cast<Index>(last));
  return result;
}

/// The elements of a constant with these extents, which are positive, and strides, from an offset.
inline OnnxTensor strided(const OnnxTensor& from, std::vector<Index> shape, const std::vector<Index>& strides,
                          Index offset) {
  OnnxTensor to{std::move(shape), {}};
  std::vector<Index> at(to.shape.size(), 0);
  for (;;) {
    to.values.push_back(from.values[static_cast<std::size_t>(offset)]);
    std::size_t axis = at.size();
    while (axis > 0) {
      --axis;
      offset += strides[axis];
      if (++at[axis] < to.shape[axis]) break;
      offset -= at[axis] * strides[axis];
      at[axis] = 0;
      if (axis == 0) return to;
    }
    if (at.empty()) return to;
  }
}

/// Adds `count` numbers to `to` for each block of `order`: block b of `from` starts at b * count.
inline void append_blocks(std::vector<double>& to, const double* from, Index count, const std::vector<Index>& order) {
  for (Index block : order) to.insert(to.end(), from + block * count, from + (block + 1) * count);
}

inline std::vector<Index> strides_of(const std::vector<Index>& shape) {
  std::vector<Index> strides(shape.size(), 1);
  for (std::size_t n = shape.size(); n-- > 1;) strides[n - 1] = strides[n] * shape[n];
  return strides;
}

/// The numbers of a tensor, from raw_data or from the list of its type, which must have as many as the shape says.
template <class Stored, class List>
std::vector<Stored> onnx_numbers(const ::onnx::TensorProto& tensor, const List& list, std::size_t count,
                                 const std::string& who) {
  const std::size_t bytes = tensor.raw_data().size();
  if (tensor.has_raw_data()) {
    if (bytes != count * sizeof(Stored))
      throw file_error(concat(who, " has ", bytes, " bytes, its shape wants ", count * sizeof(Stored)));
    return from_little_endian<Stored>(tensor.raw_data());
  }
  if (static_cast<std::size_t>(list.size()) != count)
    throw file_error(concat(who, " has ", list.size(), " values, its shape wants ", count));
  std::vector<Stored> values;
  values.reserve(count);
  for (const auto& value : list)
    if constexpr (std::is_same_v<Stored, Float16>)
      values.push_back({static_cast<std::uint16_t>(value)});
    else
      values.push_back(static_cast<Stored>(value));
  return values;
}

/// The value of a tensor in the file: a constant of FLOAT, DOUBLE or FLOAT16, extents of INT64, INT32 or BOOL with at
/// most one axis, else unknown. Throws file_error if its data is not in the file or does not fit its shape.
inline OnnxValue onnx_value(const ::onnx::TensorProto& tensor, const std::string& who) {
  using Proto = ::onnx::TensorProto;
  if (tensor.data_location() == Proto::EXTERNAL || tensor.external_data_size() > 0)
    throw file_error(who +
                     " is in another file (external data), which is not supported; PyTorch writes one file with " +
                     "torch.onnx.export(..., external_data=False)");
  const std::vector<Index> shape(tensor.dims().begin(), tensor.dims().end());
  const auto width = bytes_of_shape(shape, 8);
  if (!width || shape.size() > kMostOnnxAxes) throw file_error(who + " has an impossible shape");
  const std::size_t count = *width / 8;
  const auto floats = [&](const auto& values) {
    return onnx_constant({shape, std::vector<double>(values.begin(), values.end())});
  };
  const auto integers = [&](const auto& values) {
    OnnxValue value{.kind = OnnxValue::Kind::extents};
    value.scalar = shape.empty();
    for (auto number : values) value.extents.push_back({onnx_integer(static_cast<Index>(number))});
    return value;
  };
  OnnxValue unknown{.kind = OnnxValue::Kind::unknown};
  unknown.origin = who;
  if (count == 0 && shape.size() != 1) return unknown;
  const bool list = shape.size() < 2 && count <= kMostOnnxExtents;
  switch (tensor.data_type()) {
    case Proto::FLOAT:
      return floats(onnx_numbers<float>(tensor, tensor.float_data(), count, who));
    case Proto::DOUBLE:
      return floats(onnx_numbers<double>(tensor, tensor.double_data(), count, who));
    case Proto::FLOAT16:
      return floats(onnx_numbers<Float16>(tensor, tensor.int32_data(), count, who));
    case Proto::INT64:
      if (list) return integers(onnx_numbers<std::int64_t>(tensor, tensor.int64_data(), count, who));
      break;
    case Proto::INT32:
      if (list) return integers(onnx_numbers<std::int32_t>(tensor, tensor.int32_data(), count, who));
      break;
    case Proto::BOOL:
      if (list) return integers(onnx_numbers<std::int8_t>(tensor, tensor.int32_data(), count, who));
      break;
    default:
      break;
  }
  return unknown;
}

}  // namespace detail

}  // namespace rondo::inline RONDO_ABI

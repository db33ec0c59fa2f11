// SPDX-License-Identifier: MIT
// A model's parameters to and from safetensors, under PyTorch's names and in PyTorch's shapes, so that weights go both
// ways between Rondo and torch, and between one device and another. Strict: a name too many, a name too few or another
// shape is an error, never a silent default.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/io/safetensors.hpp>

#include <set>
#include <string>
#include <vector>

namespace rondo::inline v0 {

namespace detail {

/// PyTorch's shape of a rows x cols matrix.
inline std::vector<Index> torch_extents(Index rows, Index cols, TorchShape shape) {
  if (shape == TorchShape::vector) return {rows};
  return shape == TorchShape::as_is ? std::vector<Index>{rows, cols} : std::vector<Index>{cols, rows};
}

/// PyTorch adds two biases in every LSTM layer, bias_ih and bias_hh. We have their sum, as bias_ih; this names the
/// other one.
inline std::string second_bias(std::string_view name) {
  const auto at = name.rfind("bias_ih_l");
  return at == name.npos ? "" : std::string(name).replace(at, 9, "bias_hh_l");
}

inline std::string extents_text(const std::vector<Index>& extents) {
  std::string text;
  for (Index extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

template <class Scalar>
void add_matrix(Safetensors& file, const std::string& name, MatrixView<const Scalar> a, TorchShape shape) {
  std::vector<Scalar> values;  // row-major in PyTorch's shape
  values.reserve(static_cast<std::size_t>(a.rows * a.cols));
  if (shape != TorchShape::transposed) {
    for (Index i = 0; i < a.rows; ++i)
      for (Index j = 0; j < a.cols; ++j) values.push_back(a(i, j));
  } else {
    for (Index j = 0; j < a.cols; ++j)
      for (Index i = 0; i < a.rows; ++i) values.push_back(a(i, j));
  }
  file.add<Scalar>(name, torch_extents(a.rows, a.cols, shape), values);
}

/// The values of a tensor that must be there, in this shape. Throws file_error.
template <class Scalar>
std::vector<Scalar> values_of(const Safetensors& file, const std::string& name, const std::vector<Index>& extents) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) throw file_error("tensor " + name + " is missing");
  if (found->second.shape != extents)
    throw file_error("tensor " + name + " is " + extents_text(found->second.shape) + ", this model wants " +
                     extents_text(extents));
  return Safetensors::values<Scalar>(name, found->second);
}

template <class Scalar>
void read_matrix(const Safetensors& file, const std::string& name, MatrixView<Scalar> a, TorchShape shape) {
  const auto values = values_of<Scalar>(file, name, torch_extents(a.rows, a.cols, shape));
  for (Index j = 0; j < a.cols; ++j)
    for (Index i = 0; i < a.rows; ++i)
      a(i, j) = values[static_cast<std::size_t>(shape == TorchShape::transposed ? j * a.rows + i : i * a.cols + j)];
}

}  // namespace detail

/// Adds every weight of a model to `file`.
template <class Model>
void add_weights(Safetensors& file, const Model& model) {
  detail::read_parameters(model, [&]<class Scalar, class Device>(const Path& path, const Parameter<Scalar, Device>& p) {
    const std::string name(path.text());
    look_on_host(Device{}, p.value(), [&](auto w) { detail::add_matrix<Scalar>(file, name, w, p.torch_shape()); });
    if (const std::string other = detail::second_bias(name); !other.empty())
      file.add<Scalar>(other, {p.rows()}, std::vector<Scalar>(static_cast<std::size_t>(p.rows()), Scalar(0)));
  });
}

/// Sets every weight of a model from `file`. Throws file_error if one is missing or of another shape, or if the file
/// holds a tensor that the model has not; names that begin with `ignored_prefix` may stand there unread.
template <class Model>
void read_weights(const Safetensors& file, Model& model, const std::string& ignored_prefix = "") {
  std::set<std::string> unread;
  for (const auto& [name, tensor] : file.tensors)
    if (ignored_prefix.empty() || !name.starts_with(ignored_prefix)) unread.insert(name);
  model.for_each_parameter([&]<class Scalar, class Device>(const Path& path, Parameter<Scalar, Device>& p) {
    const std::string name(path.text()), other = detail::second_bias(name);
    set_from_host(Device{}, p.value(), [&](MatrixView<Scalar> w) {
      detail::read_matrix(file, name, w, p.torch_shape());
      unread.erase(name);
      if (other.empty() || !file.tensors.contains(other)) return;
      const auto second = detail::values_of<Scalar>(file, other, {p.rows()});
      for (Index i = 0; i < p.rows(); ++i) w(i, 0) += second[static_cast<std::size_t>(i)];
      unread.erase(other);
    });
  });
  if (!unread.empty()) throw file_error("tensor " + *unread.begin() + " has no place in this model");
}

}  // namespace rondo::inline v0

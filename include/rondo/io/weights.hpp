// SPDX-License-Identifier: MIT
// The parameters of a model in safetensors files, with the names and shapes of PyTorch, so that weights can be
// exchanged with PyTorch in both directions. Strict: an extra tensor, a missing tensor or another shape is an error.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/io/safetensors.hpp>

#include <set>
#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Shape in PyTorch of a rows x cols matrix.
inline std::vector<Index> torch_extents(Index rows, Index cols, ParameterKind kind) {
  if (kind == ParameterKind::bias) return {rows};
  return kind == ParameterKind::weight ? std::vector<Index>{rows, cols} : std::vector<Index>{cols, rows};
}

/// Name in PyTorch of the second bias of a recurrent layer, if `name` is the first: lstm.bias_hh_l0_reverse for
/// lstm.bias_ih_l0_reverse. Empty for any other name.
inline std::string second_bias(std::string_view name) {
  constexpr std::string_view first = "bias_ih_l", second = "bias_hh_l";
  const std::size_t last_part = name.rfind('.') + 1;  // npos + 1 = 0
  if (!name.substr(last_part).starts_with(first)) return "";
  return std::string(name).replace(last_part, first.size(), second);
}

template <class Model>
std::set<std::string> parameter_names(const Model& model) {
  std::set<std::string> names;
  visit_parameters(model, [&](const Path& path, const auto&) { names.emplace(path.text()); });
  return names;
}

/// Name of the second bias of a layer that has only the sum of the two biases (LSTM); empty if there is no second bias,
/// or if the model has both as separate parameters (GRU).
inline std::string summed_bias(const std::set<std::string>& names, std::string_view name) {
  std::string other = second_bias(name);
  return names.contains(other) ? "" : other;
}

inline std::string extents_text(const std::vector<Index>& extents) {
  std::string text;
  for (Index extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

template <class Scalar>
void add_matrix(Safetensors& file, const std::string& name, MatrixView<const Scalar> a, ParameterKind kind) {
  std::vector<Scalar> values;  // row-major in PyTorch's shape
  values.reserve(static_cast<std::size_t>(a.rows * a.cols));
  if (kind != ParameterKind::embedding) {
    for (Index i = 0; i < a.rows; ++i)
      for (Index j = 0; j < a.cols; ++j) values.push_back(a(i, j));
  } else {
    for (Index j = 0; j < a.cols; ++j)
      for (Index i = 0; i < a.rows; ++i) values.push_back(a(i, j));
  }
  file.add<Scalar>(name, torch_extents(a.rows, a.cols, kind), values);
}

/// Why a tensor cannot be read in this shape; empty if it can.
inline std::string tensor_problem(const Safetensors& file, const std::string& name, const std::vector<Index>& extents) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) return "tensor " + name + " is missing";
  const Safetensors::Tensor& tensor = found->second;
  if (tensor.shape != extents)
    return "tensor " + name + " is " + extents_text(tensor.shape) + ", this model wants " + extents_text(extents);
  if (!Safetensors::converts(tensor.dtype))
    return "tensor " + name + " has type " + tensor.dtype + ", wanted F32, F64, F16 or BF16";
  return "";
}

/// All problems of a file, joined to a message of one line.
class Problems {
 public:
  void add(const std::string& problem) {
    if (!problem.empty()) text_ += (text_.empty() ? "" : "; ") + problem;
  }
  /// Throws file_error if there is a problem.
  void raise() const {
    if (!text_.empty()) throw file_error(text_);
  }

 private:
  std::string text_;
};

/// The values of a tensor of this shape. Throws file_error if it is missing or has another shape or type.
template <class Scalar>
std::vector<Scalar> values_of(const Safetensors& file, const std::string& name, const std::vector<Index>& extents) {
  if (const std::string problem = tensor_problem(file, name, extents); !problem.empty()) throw file_error(problem);
  return Safetensors::values<Scalar>(name, file.tensors.at(name));
}

template <class Scalar>
void read_matrix(const Safetensors& file, const std::string& name, MatrixView<Scalar> a, ParameterKind kind) {
  const auto values = values_of<Scalar>(file, name, torch_extents(a.rows, a.cols, kind));
  for (Index j = 0; j < a.cols; ++j)
    for (Index i = 0; i < a.rows; ++i)
      a(i, j) = values[static_cast<std::size_t>(kind == ParameterKind::embedding ? j * a.rows + i : i * a.cols + j)];
}

}  // namespace detail

/// Adds every weight of a model to `file`, with the names and shapes of PyTorch. A second bias that the model does not
/// have (LSTM) is written as zeros.
template <class Model>
void add_weights(Safetensors& file, const Model& model) {
  const std::set<std::string> names = detail::parameter_names(model);
  detail::visit_parameters(
      model, [&]<class Scalar, class Device>(const Path& path, const Parameter<Scalar, Device>& p) {
        const std::string name(path.text());
        with_host_copy(Device{}, p.value(), [&](auto w) { detail::add_matrix<Scalar>(file, name, w, p.kind()); });
        if (const std::string other = detail::summed_bias(names, name); !other.empty())
          file.add<Scalar>(other, {p.rows()}, std::vector<Scalar>(static_cast<std::size_t>(p.rows()), Scalar(0)));
      });
}

/// Reads every weight of a model from `file`. A second bias that the model does not have (LSTM) is added to the first.
/// Throws file_error if a tensor is missing, has another shape or type, or belongs to no parameter; the message lists
/// all of them, and the model is unchanged then. Tensors with names that start with `ignored_prefix` are ignored.
template <class Model>
void read_weights(const Safetensors& file, Model& model, const std::string& ignored_prefix = "") {
  const std::set<std::string> names = detail::parameter_names(model);
  std::set<std::string> unread;
  for (const auto& [name, tensor] : file.tensors)
    if (ignored_prefix.empty() || !name.starts_with(ignored_prefix)) unread.insert(name);
  detail::Problems problems;
  const auto check = [&](const std::string& name, const std::vector<Index>& extents) {
    unread.erase(name);
    problems.add(detail::tensor_problem(file, name, extents));
  };
  detail::visit_parameters(model, [&](const Path& path, const auto& p) {
    const std::string name(path.text()), other = detail::summed_bias(names, name);
    check(name, detail::torch_extents(p.rows(), p.cols(), p.kind()));
    if (!other.empty() && file.tensors.contains(other)) check(other, {p.rows()});
  });
  for (const std::string& name : unread) problems.add("tensor " + name + " does not belong to this model");
  problems.raise();

  model.for_each_parameter([&]<class Scalar, class Device>(const Path& path, Parameter<Scalar, Device>& p) {
    const std::string name(path.text()), other = detail::summed_bias(names, name);
    set_from_host(Device{}, p.value(), [&](MatrixView<Scalar> w) {
      detail::read_matrix(file, name, w, p.kind());
      if (other.empty() || !file.tensors.contains(other)) return;
      const auto second = detail::values_of<Scalar>(file, other, {p.rows()});
      for (Index i = 0; i < p.rows(); ++i) w(i, 0) += second[static_cast<std::size_t>(i)];
    });
  });
}

}  // namespace rondo::inline RONDO_ABI

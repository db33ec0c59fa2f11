// SPDX-License-Identifier: MIT
// Parameter: a weight matrix with its gradient and the two moments of Adam, in one object. A layer exposes its
// parameters through one visitor, which optimiser, clipping, checkpoints and gradient checks use:
//
//   model.for_each_parameter([](const Path& name, auto& parameter) { ... });
//
// A const model passes const parameters to the visitor.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace rondo::inline RONDO_ABI {

/// Role of a parameter. It decides whether weight decay applies and in which shape files store it (io/weights.hpp).
enum class ParameterKind {
  weight,     ///< K x C; PyTorch shape (K, C)
  embedding,  ///< D x V, one column per token; PyTorch shape (V, D)
  bias        ///< K x 1; PyTorch shape (K); no weight decay
};

/// A trainable matrix. Gradient and moments are allocated on first access.
template <class Scalar, class Device = Cpu>
class Parameter {
 public:
  /// A matrix of rows x cols zeros.
  Parameter(Index rows, Index cols, ParameterKind kind = ParameterKind::weight)
      : rows_(rows), cols_(cols), kind_(kind), value_(rows * cols) {
    fill(Device{}, value(), Scalar(0));
  }

  Index rows() const { return rows_; }          ///< number of rows
  Index cols() const { return cols_; }          ///< number of columns
  Index size() const { return rows_ * cols_; }  ///< number of values
  ParameterKind kind() const { return kind_; }  ///< role of the parameter
  /// Whether weight decay applies: not to a bias.
  bool has_weight_decay() const { return kind_ != ParameterKind::bias; }

  /// The values, rows x cols.
  MatrixView<Scalar> value() { return view(value_); }
  /// The values, rows x cols, read-only.
  MatrixView<const Scalar> value() const { return {value_.data(), rows_, cols_, rows_}; }
  /// The gradient, rows x cols; zeros on first access. Backward passes add to it.
  MatrixView<Scalar> grad() {
    return grad_at_.memory ? MatrixView<Scalar>{grad_at_.memory, rows_, cols_, rows_} : zero_at_first_use(grad_);
  }
  /// Adam's first moment, rows x cols; zeros on first access.
  MatrixView<Scalar> first_moment() { return zero_at_first_use(first_moment_); }
  /// Adam's second moment, rows x cols; zeros on first access.
  MatrixView<Scalar> second_moment() { return zero_at_first_use(second_moment_); }

  /// From now on the gradient is in `memory`, rows * cols values on the device that outlive this use; null: back in the
  /// parameter's own. So the gradients of a model lie in one buffer (distributed/data_parallel.hpp).
  void store_grad_at(Scalar* memory) { grad_at_.memory = memory; }

  /// Sets the gradient to zero.
  void zero_grad() { fill(Device{}, grad(), Scalar(0)); }

 private:
  using Storage = Buffer<Scalar, Device>;

  /// Memory of somebody else. A copy of the parameter does not share it.
  struct Borrowed {
    Scalar* memory = nullptr;
    Borrowed() = default;
    Borrowed(const Borrowed&) {}
    Borrowed& operator=(const Borrowed&) { return *this; }
  };

  MatrixView<Scalar> view(Storage& storage) { return {storage.data(), rows_, cols_, rows_}; }

  MatrixView<Scalar> zero_at_first_use(Storage& storage) {
    if (storage.size() == 0 && size() > 0) {
      storage.resize(size());
      fill(Device{}, view(storage), Scalar(0));
    }
    return view(storage);
  }

  Index rows_, cols_;
  ParameterKind kind_;
  Storage value_, grad_, first_moment_, second_moment_;
  Borrowed grad_at_;  // of store_grad_at
};

/// The default of backward passes that say which gradients are final: says it to nobody.
struct NotifyNobody {
  /// Does nothing.
  template <class Scalar, class Device>
  void operator()(const Parameter<Scalar, Device>&) const {}
};

/// Dotted name of a parameter, e.g. "encoder.linear.weight". It never allocates, so visits cost no memory. Operations
/// throw rondo::error if the name would become longer than kMaxLength.
class Path {
 public:
  static constexpr std::size_t kMaxLength = 120;  ///< maximum length in characters

  Path() = default;

  /// This path, a dot and `part`; `part` alone if this path is empty.
  Path operator/(std::string_view part) const {
    Path longer = *this;
    if (longer.size_ > 0) longer.append(".");
    longer.append(part);
    return longer;
  }

  /// This path with the decimal digits of `index` appended to its last part.
  Path operator+(Index index) const {
    Path longer = *this;
    char digits[20];
    std::size_t n = sizeof digits;
    do digits[--n] = static_cast<char>('0' + index % 10);
    while ((index /= 10) > 0);
    longer.append({digits + n, sizeof digits - n});
    return longer;
  }

  /// This path with `suffix` appended to its last part.
  Path with_suffix(std::string_view suffix) const {
    Path longer = *this;
    longer.append(suffix);
    return longer;
  }

  /// The name; valid as long as this object.
  std::string_view text() const { return {text_, size_}; }

 private:
  void append(std::string_view part) {
    if (part.size() > kMaxLength - size_) [[unlikely]]
      throw error(detail::concat("Path: ", text(), part, " has ", size_ + part.size(),
                                 " characters, a parameter's name may have ", kMaxLength));
    std::copy_n(part.data(), part.size(), text_ + size_);
    size_ += part.size();
  }

  char text_[kMaxLength] = {};
  std::size_t size_ = 0;
};

namespace detail {

/// Calls f for every parameter, read-only. Also accepts a model that has only the mutable visitor.
template <class Model, class F>
void visit_parameters(const Model& model, F&& f, const Path& path = {}) {
  if constexpr (requires { model.for_each_parameter(f, path); })
    model.for_each_parameter(f, path);
  else
    const_cast<Model&>(model).for_each_parameter([&](const Path& name, const auto& parameter) { f(name, parameter); },
                                                 path);
}

}  // namespace detail

/// Number of trainable values of a model.
template <class Model>
Index parameter_count(const Model& model) {
  Index count = 0;
  detail::visit_parameters(model, [&](const Path&, const auto& parameter) { count += parameter.size(); });
  return count;
}

/// Sets every gradient to zero. Backward passes add to gradients, so call it before each training step.
template <class Model>
void zero_grad(Model& model) {
  model.for_each_parameter([](const Path&, auto& parameter) { parameter.zero_grad(); });
}

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Parameter: a weight matrix, its gradient, and the two moments that Adam keeps of it, in one place, so that no two
// lists have to agree by index. A layer shows its parameters to one visitor:
//
//   model.for_each_parameter([](const Path& name, auto& parameter) { ... });
//
// Optimiser, clip, checkpoint and gradient check all use it. Of a const model the visitor gets const parameters, so
// that counting, saving and copying need no more than that.
#pragma once

#include <rondo/core/buffer.hpp>
#include <rondo/core/error.hpp>
#include <rondo/core/view.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace rondo::inline RONDO_ABI {

/// What a parameter is for. It decides whether weight decay applies (not to a bias) and how files store it
/// (io/weights.hpp). A `bias` has one column; an `embedding` has one column for each token.
enum class ParameterKind { weight, embedding, bias };

/// A matrix that a layer learns. Gradient and moments take memory only once somebody asks for them.
template <class Scalar, class Device = Cpu>
class Parameter {
 public:
  /// rows x cols zeros.
  Parameter(Index rows, Index cols, ParameterKind kind = ParameterKind::weight)
      : rows_(rows), cols_(cols), kind_(kind), value_(rows * cols) {
    fill(Device{}, value(), Scalar(0));
  }

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index size() const { return rows_ * cols_; }
  ParameterKind kind() const { return kind_; }
  /// Whether weight decay applies.
  bool has_weight_decay() const { return kind_ != ParameterKind::bias; }

  MatrixView<Scalar> value() { return view(value_); }
  MatrixView<const Scalar> value() const { return {value_.data(), rows_, cols_, rows_}; }
  MatrixView<Scalar> grad() { return zero_at_first_use(grad_); }
  MatrixView<Scalar> first_moment() { return zero_at_first_use(first_moment_); }
  MatrixView<Scalar> second_moment() { return zero_at_first_use(second_moment_); }

  void zero_grad() { fill(Device{}, grad(), Scalar(0)); }

 private:
  using Storage = Buffer<Scalar, Device>;

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
};

/// The dotted name of a parameter, e.g. "lstm.weight_ih_l0"; grows without allocating, so that a training step may
/// visit. Throws rondo::error where it would become longer than kMaxLength.
class Path {
 public:
  static constexpr std::size_t kMaxLength = 120;  // characters

  Path() = default;

  /// This path and one more part, with a dot between.
  Path operator/(std::string_view part) const {
    Path longer = *this;
    if (longer.size_ > 0) longer.append(".");
    longer.append(part);
    return longer;
  }

  /// This path with `index` behind its last part.
  Path operator+(Index index) const {
    Path longer = *this;
    char digits[20];
    std::size_t n = sizeof digits;
    do digits[--n] = static_cast<char>('0' + index % 10);
    while ((index /= 10) > 0);
    longer.append({digits + n, sizeof digits - n});
    return longer;
  }

  /// This path with `suffix` behind its last part.
  Path with_suffix(std::string_view suffix) const {
    Path longer = *this;
    longer.append(suffix);
    return longer;
  }

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

/// Shows every parameter to f, to read. A model that has only the mutable visitor is visited by that one.
template <class Model, class F>
void visit_parameters(const Model& model, F&& f, const Path& path = {}) {
  if constexpr (requires { model.for_each_parameter(f, path); })
    model.for_each_parameter(f, path);
  else
    const_cast<Model&>(model).for_each_parameter([&](const Path& name, const auto& parameter) { f(name, parameter); },
                                                 path);
}

}  // namespace detail

/// How many numbers a model learns.
template <class Model>
Index parameter_count(const Model& model) {
  Index count = 0;
  detail::visit_parameters(model, [&](const Path&, const auto& parameter) { count += parameter.size(); });
  return count;
}

/// Sets every gradient to zero; backward passes add to what is there.
template <class Model>
void zero_grad(Model& model) {
  model.for_each_parameter([](const Path&, auto& parameter) { parameter.zero_grad(); });
}

}  // namespace rondo::inline RONDO_ABI

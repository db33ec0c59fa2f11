// SPDX-License-Identifier: MIT
// Matrices for tests of the CUDA operations: on the host, and on the device surrounded by guard values, which must not
// change.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include <rondo/core/transfer.hpp>
#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/operations.hpp>
#include <rondo/layers/initialise.hpp>

#include "support/catch.hpp"

namespace rondo_test {

using rondo::Cpu;
using rondo::Cuda;
using rondo::Index;

/// Whether these tests can run; prints a warning otherwise.
inline bool gpu_available() {
  const bool here = rondo::cuda::available();
  if (!here) WARN("skipped: there is no GPU");
  return here;
}

/// Sizes around multiples of a warp, a block and several blocks.
inline constexpr Index kSizes[] = {0, 1, 31, 33, 257, 1000};

/// A contiguous rows x cols matrix on the host.
template <class Scalar>
struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<Scalar> values;

  Matrix() = default;
  Matrix(Index r, Index c, Scalar value = 0) : rows(r), cols(c), values(static_cast<std::size_t>(r * c), value) {}

  rondo::MatrixView<Scalar> view() { return {values.data(), rows, cols, rows}; }
  rondo::MatrixView<const Scalar> view() const { return {values.data(), rows, cols, rows}; }
  Scalar& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i + rows * j)]; }
  const Scalar& operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i + rows * j)]; }

  /// Bit-identical.
  friend bool operator==(const Matrix& a, const Matrix& b) {
    return a.rows == b.rows && a.cols == b.cols &&
           (a.values.empty() || std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(Scalar)) == 0);
  }
};

template <class Scalar>
Matrix<Scalar> random_matrix(Index rows, Index cols, rondo::Rng& rng) {
  Matrix<Scalar> a(rows, cols);
  rondo::initialise_normal(a.view(), 1, rng);
  return a;
}

/// The guard value: a NaN with a bit pattern that no operation produces.
template <class Scalar>
Scalar guard_value() {
  if constexpr (sizeof(Scalar) == 4)
    return std::bit_cast<Scalar>(std::uint32_t{0x7FC0BEEF});
  else
    return std::bit_cast<Scalar>(std::uint64_t{0x7FF8BEEFBEEFBEEF});
}

template <class Scalar>
bool is_guard_value(Scalar value) {
  const Scalar wanted = guard_value<Scalar>();
  return std::memcmp(&value, &wanted, sizeof value) == 0;
}

/// A matrix on the device, with guard values before and after it and in the `gap` rows below each column.
template <class Scalar>
class DeviceMatrix {
 public:
  explicit DeviceMatrix(const Matrix<Scalar>& values, Index gap = 0)
      : rows_(values.rows), cols_(values.cols), stride_(values.rows + gap), memory_(2 * kMargin + stride_ * cols_) {
    Image image = blank();
    for (Index j = 0; j < cols_; ++j)
      std::copy_n(values.values.data() + rows_ * j, rows_, image.data() + kMargin + stride_ * j);
    upload(Cuda{}, as_column(image), whole());
  }
  /// Contains only guard values at first.
  DeviceMatrix(Index rows, Index cols, Index gap = 0)
      : DeviceMatrix(Matrix<Scalar>(rows, cols, guard_value<Scalar>()), gap) {}

  rondo::MatrixView<Scalar> view() { return {memory_.data() + kMargin, rows_, cols_, stride_}; }

  /// The values; checks that the guard values are unchanged.
  Matrix<Scalar> get() {
    Image image = blank();
    download(Cuda{}, whole(), as_column(image));
    Matrix<Scalar> values(rows_, cols_);
    for (Index j = 0; j < cols_; ++j) {
      Scalar* from = image.data() + kMargin + stride_ * j;
      std::copy_n(from, rows_, values.values.data() + rows_ * j);
      std::fill_n(from, rows_, guard_value<Scalar>());
    }
    const bool guards_unchanged = std::all_of(image.begin(), image.end(), is_guard_value<Scalar>);
    CHECK(guards_unchanged);
    return values;
  }

 private:
  using Image = std::vector<Scalar>;
  static constexpr Index kMargin = 67;  // odd: guarantees only the alignment of the type

  Image blank() const { return Image(static_cast<std::size_t>(memory_.size()), guard_value<Scalar>()); }
  rondo::MatrixView<Scalar> whole() { return {memory_.data(), memory_.size(), 1, memory_.size()}; }
  static rondo::MatrixView<Scalar> as_column(Image& image) {
    const auto size = static_cast<Index>(image.size());
    return {image.data(), size, 1, size};
  }

  Index rows_, cols_, stride_;
  rondo::Buffer<Scalar, Cuda> memory_;
};

}  // namespace rondo_test

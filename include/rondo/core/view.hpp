// SPDX-License-Identifier: MIT
// MatrixView: a non-owning column-major matrix. Plain data, so it is safe to pass to code built by another compiler,
// which Eigen types are not. (constexpr lets nvcc compile it for the device, too.)
#pragma once

#include <rondo/version.hpp>

#include <cstddef>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

/// Type of all sizes and indices.
using Index = std::ptrdiff_t;

/// A non-owning view of a rows x cols matrix; element (i, j) is at data[i + j * stride].
template <class T>
struct MatrixView {
  T* data = nullptr;  ///< first element; null: no matrix
  Index rows = 0;     ///< number of rows
  Index cols = 0;     ///< number of columns
  Index stride = 0;   ///< distance between columns in elements, >= rows

  /// Element (i, j), unchecked.
  constexpr T& operator()(Index i, Index j) const { return data[i + j * stride]; }

  /// Columns [first, first + count).
  constexpr MatrixView columns(Index first, Index count) const { return {data + first * stride, rows, count, stride}; }

  /// Rows [first, first + count), e.g. one of the four gates.
  constexpr MatrixView row_block(Index first, Index count) const { return {data + first, count, cols, stride}; }

  /// Converts to a read-only view. (A template, because nvcc warns of a conversion to the same type.)
  template <class U>
  requires(!std::is_const_v<T> && std::is_same_v<U, const T>) constexpr operator MatrixView<U>() const {
    return {data, rows, cols, stride};
  }
};

/// A read-only view as a function parameter. It takes no part in template argument deduction, so MatrixView<T> converts
/// to it.
template <class T>
using ConstView = MatrixView<const std::type_identity_t<T>>;

}  // namespace rondo::inline RONDO_ABI

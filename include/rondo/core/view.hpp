// SPDX-License-Identifier: MIT
// MatrixView: a column-major matrix that somebody else owns. It is plain data, so it may cross into a translation unit
// that another compiler builds; Eigen types may not. (constexpr lets nvcc compile it for the device, too.)
#pragma once

#include <rondo/version.hpp>

#include <cstddef>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

using Index = std::ptrdiff_t;

/// rows x cols, element (i, j) at data[i + j * stride].
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;  // distance between columns, >= rows

  constexpr T& operator()(Index i, Index j) const { return data[i + j * stride]; }

  /// Columns [first, first + count).
  constexpr MatrixView columns(Index first, Index count) const { return {data + first * stride, rows, count, stride}; }

  /// Rows [first, first + count), e.g. one gate of the four.
  constexpr MatrixView row_block(Index first, Index count) const { return {data + first, count, cols, stride}; }

  /// To read through. (A template, or nvcc warns of the view that already is one.)
  template <class U>
  requires(!std::is_const_v<T> && std::is_same_v<U, const T>) constexpr operator MatrixView<U>() const {
    return {data, rows, cols, stride};
  }
};

/// A view to read through. As a parameter it takes no part in deduction, so that MatrixView<T> converts to it.
template <class T>
using ConstView = MatrixView<const std::type_identity_t<T>>;

}  // namespace rondo::inline RONDO_ABI

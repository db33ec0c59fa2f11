// SPDX-License-Identifier: MIT
// Conversion of views to Eigen maps.
#pragma once

#include <rondo/core/view.hpp>

#include <Eigen/Core>

#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

template <class T, template <class, int, int> class Kind>
using EigenMap = Eigen::Map<std::conditional_t<std::is_const_v<T>, const Kind<std::remove_const_t<T>, -1, -1>,
                                               Kind<std::remove_const_t<T>, -1, -1>>,
                            Eigen::Unaligned, Eigen::OuterStride<>>;
template <class T, int Rows, int Cols>
using PlainMatrix = Eigen::Matrix<T, Rows, Cols>;
template <class T, int Rows, int Cols>
using PlainArray = Eigen::Array<T, Rows, Cols>;

}  // namespace detail

/// The view as an Eigen matrix, for products and norms. It refers to the memory of the view.
template <class T>
auto matrix(MatrixView<T> v) {
  return detail::EigenMap<T, detail::PlainMatrix>(v.data, v.rows, v.cols, Eigen::OuterStride<>(v.stride));
}

/// The view as an Eigen array, for element-wise operations.
template <class T>
auto array(MatrixView<T> v) {
  return detail::EigenMap<T, detail::PlainArray>(v.data, v.rows, v.cols, Eigen::OuterStride<>(v.stride));
}

/// `size` contiguous values as an Eigen array of one column.
template <class T>
auto column(T* data, Index size) {
  using Plain = Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic, 1>;
  return Eigen::Map<std::conditional_t<std::is_const_v<T>, const Plain, Plain>>(data, size);
}

}  // namespace rondo::inline RONDO_ABI

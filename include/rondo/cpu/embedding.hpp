// SPDX-License-Identifier: MIT
// Look-up of embedding columns by token, and its gradient, on the CPU. Of n columns and K n tokens, a column has K.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/cpu/eigen.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0 {

namespace detail {

/// f(j, id) for every id of every column, in order; kNoToken is passed over.
template <class F>
void for_each_token(std::span<const std::int32_t> tokens, Index columns, F&& f) {
  const Index K = columns > 0 ? static_cast<Index>(tokens.size()) / columns : 0;
  for (Index j = 0; j < columns; ++j)
    for (Index k = 0; k < K; ++k)
      if (const std::int32_t id = tokens[static_cast<std::size_t>(j * K + k)]; id != kNoToken) f(j, id);
}

}  // namespace detail

/// y's column j = the sum of E's columns tokens[K j .. K j + K). E: D x V, y: D x n.
template <class Scalar>
void embedding_forward(Cpu, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y) {
  matrix(y).setZero();
  detail::for_each_token(tokens, y.cols, [&](Index j, std::int32_t id) { matrix(y).col(j) += matrix(E).col(id); });
}

/// dE's column of each token += dy's column, in the order of the columns: the sum never varies.
template <class Scalar>
void embedding_backward(Cpu, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE) {
  detail::for_each_token(tokens, dy.cols, [&](Index j, std::int32_t id) { matrix(dE).col(id) += matrix(dy).col(j); });
}

}  // namespace rondo::inline v0

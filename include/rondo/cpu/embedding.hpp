// SPDX-License-Identifier: MIT
// Look-up of embedding columns by token, and its gradient, on the CPU.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/cpu/eigen.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0 {

/// y's column j = E's column tokens[j]. E: D x V, y: D x n.
template <class Scalar>
void embedding_forward(Cpu, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y) {
  for (Index j = 0; j < y.cols; ++j) matrix(y).col(j) = matrix(E).col(tokens[static_cast<std::size_t>(j)]);
}

/// dE's column tokens[j] += dy's column j, in the order of j: the sum never varies.
template <class Scalar>
void embedding_backward(Cpu, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE) {
  for (Index j = 0; j < dy.cols; ++j) matrix(dE).col(tokens[static_cast<std::size_t>(j)]) += matrix(dy).col(j);
}

}  // namespace rondo::inline v0

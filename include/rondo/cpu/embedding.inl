// SPDX-License-Identifier: MIT
// Definitions of cpu/embedding.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/for_each_token.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

template <class Scalar>
void embedding_forward(Cpu, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y) {
  matrix(y).setZero();
  detail::for_each_token(tokens, y.cols, [&](Index j, std::int32_t id) { matrix(y).col(j) += matrix(E).col(id); });
}

template <class Scalar>
void embedding_backward(Cpu, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE) {
  detail::for_each_token(tokens, dy.cols, [&](Index j, std::int32_t id) { matrix(dE).col(id) += matrix(dy).col(j); });
}

}  // namespace rondo::inline RONDO_ABI

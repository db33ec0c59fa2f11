// SPDX-License-Identifier: MIT
// Embedding look-up and its gradient on the CPU. n columns and K n tokens: each column has K tokens.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// y's column j = the sum of E's columns tokens[K j .. K j + K). E: D x V, y: D x n.
template <class Scalar>
void embedding_forward(Cpu, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y);

/// dE's column of each token += dy's column, in the order of the columns, so that results are bit-identical.
template <class Scalar>
void embedding_backward(Cpu, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/embedding.inl>
#endif

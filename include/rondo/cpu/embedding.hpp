// SPDX-License-Identifier: MIT
// Embedding look-up and its gradient on the CPU. D features, V vocabulary, n columns with K tokens each. kNoToken is
// skipped.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/token_input.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// y(:, j) = sum of E(:, tokens[K j + k]) over k < K. E: D x V, y: D x n.
template <class Scalar>
void embedding_forward(Cpu, ConstView<Scalar> E, std::span<const std::int32_t> tokens, MatrixView<Scalar> y);

/// dE(:, tokens[K j + k]) += dy(:, j) for all j and k, in order of j, so that results are deterministic. dy: D x n, dE:
/// D x V.
template <class Scalar>
void embedding_backward(Cpu, std::span<const std::int32_t> tokens, ConstView<Scalar> dy, MatrixView<Scalar> dE);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/embedding.inl>
#endif

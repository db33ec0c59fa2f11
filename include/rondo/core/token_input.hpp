// SPDX-License-Identifier: MIT
// TokenInput: tokens and the matrix of their embeddings, not looked up yet.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// In place of an id: no column. A step of a bag may have fewer ids than others.
inline constexpr std::int32_t kNoToken = -1;

/// x(b, t) is the sum of the columns of E whose ids stand at [K * (b + B * t), K * (b + B * t + 1)): with K = 1 the
/// column of one token, else a bag of them (torch.nn.EmbeddingBag, mode sum). Legend: V vocabulary, D features, B
/// batch, T steps, K ids a step.
template <class Scalar, class Device = Cpu>
struct TokenInput {
  MatrixView<const Scalar> E;            // D x V
  std::span<const std::int32_t> tokens;  // K*B*T ids in 0..V-1, or kNoToken where K > 1, on the host
  Index batch, time;
  Index ids_per_step = 1;  // K

  Index features() const { return E.rows; }
  SequenceShape shape() const { return {E.rows, batch, time}; }
};

}  // namespace rondo::inline RONDO_ABI

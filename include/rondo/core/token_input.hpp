// SPDX-License-Identifier: MIT
// TokenInput: token ids and their embedding matrix, before the look-up.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// Padding id in a multi-hot input: contributes nothing.
inline constexpr std::int32_t kNoToken = -1;

/// Input x (D x B x T) in terms of token ids: x(b, t) is the sum of the columns of E whose ids are at indices
/// [K * (b + B * t), K * (b + B * t + 1)). K = 1: one token per step; K > 1: multi-hot input (torch.nn.EmbeddingBag,
/// mode sum). Non-owning. V vocabulary, D features, B batch, T steps, K ids per step.
template <class Scalar, class Device = Cpu>
struct TokenInput {
  MatrixView<const Scalar> E;            ///< embedding matrix, D x V
  std::span<const std::int32_t> tokens;  ///< K*B*T ids in 0..V-1, or kNoToken if K > 1; on the host
  Index batch;                           ///< B
  Index time;                            ///< T
  Index ids_per_step = 1;                ///< K

  Index features() const { return E.rows; }  ///< D
  /// D x B x T, printable.
  SequenceShape shape() const { return {E.rows, batch, time}; }
};

}  // namespace rondo::inline RONDO_ABI

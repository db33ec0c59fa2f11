// SPDX-License-Identifier: MIT
// Tokens as the input of a first LSTM layer: what an embedding would look up, not yet looked up. A backend may then
// project each of the V tokens once instead of each of the B*T steps.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/core/view.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline v0 {

/// x(b, t) is column tokens[b + B * t] of E. Legend: V vocabulary, D features, B batch, T steps.
template <class Scalar, class Device = Cpu>
struct TokenInput {
  MatrixView<const Scalar> E;            // D x V
  std::span<const std::int32_t> tokens;  // B*T ids in 0..V-1, on the host
  Index batch, time;

  Index features() const { return E.rows; }
  SequenceShape shape() const { return {E.rows, batch, time}; }
};

}  // namespace rondo::inline v0

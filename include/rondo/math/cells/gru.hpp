// SPDX-License-Identifier: MIT
// The GRU cell: three gates and no state but h. Its candidate takes W x and R h apart, so that a step keeps four
// blocks.
#pragma once

#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

struct GruCell {
  static constexpr const char* kName = "Gru";    // in messages
  static constexpr const char* kModule = "gru";  // in the names of parameters
  static constexpr int kGates = 3;               // r, u, n: blocks of H rows in W, R and both biases; PyTorch calls u z
  static constexpr int kBlocks = 4;              // r, u, n_h, n_x: blocks of H rows that a step keeps
  static constexpr bool kHasC = false;           // its own state is h
  static constexpr bool kPacked = true;          // runs on the packed passes
  static constexpr bool kRecurrentBias = true;   // two biases, since r is applied to R h + b_R
  static constexpr int kForgetGate = -1;
  static constexpr int kPeepholeCount = 0;  // weights from c to gates
  using SplitCell = void;                   // one text

  /// Which blocks W x is added to. R h is always added to the first kGates.
  static constexpr GateRun kInputRuns[] = {{0, 0, 2}, {2, 3, 1}};
};

namespace equations {
#include <rondo/math/cells/gru.inl>
}

}  // namespace rondo::inline RONDO_ABI

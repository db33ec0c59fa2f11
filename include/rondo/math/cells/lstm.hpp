// SPDX-License-Identifier: MIT
// The LSTM cell: four gates, a cell state c and a hidden state h.
#pragma once

#include <rondo/math/cells/lstm_variants.hpp>
#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

/// The LSTM cell (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber, Cummins 2000). Equations: see
/// rondo::Lstm.
struct LstmCell {
  static constexpr const char* kName = "Lstm";      ///< name in messages
  static constexpr const char* kModule = "lstm";    ///< name in the paths of parameters
  static constexpr int kGates = 4;                  ///< gates i, f, g, o: blocks of H rows in W, R and b
  static constexpr int kBlocks = 4;                 ///< blocks of H rows saved per step: i, f, g, o
  static constexpr bool kHasC = true;               ///< has a cell state c
  static constexpr bool kPacked = true;             ///< has packed kernels
  static constexpr bool kRecurrentBias = false;     ///< one bias
  static constexpr int kForgetGate = 1;             ///< index of the forget gate
  static constexpr int kPeepholeCount = 0;          ///< no peepholes
  using SplitCell = LstmVariantCell<false, false>;  ///< the same equations split into state update and output

  /// Blocks to which W x is added. R h is always added to the first kGates blocks.
  static constexpr GateRun kInputRuns[] = {{0, 0, 4}};
};

namespace equations {
#include <rondo/math/cells/lstm.inl>
}

}  // namespace rondo::inline RONDO_ABI

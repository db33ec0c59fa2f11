// SPDX-License-Identifier: MIT
// The GRU cell: three gates, no state c. The candidate gate needs W x and R h separately, so four blocks are stored per
// step.
#pragma once

#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

/// The GRU cell (Cho et al. 2014) in the reset-after variant of PyTorch and cuDNN. Equations: see rondo::Gru.
struct GruCell {
  static constexpr const char* kName = "Gru";    ///< name in messages
  static constexpr const char* kModule = "gru";  ///< name in the paths of parameters
  static constexpr int kGates = 3;       ///< gates r, u, n: blocks of H rows in W, R and both biases (PyTorch: r, z, n)
  static constexpr int kBlocks = 4;      ///< blocks of H rows saved per step: r, u, n_h, n
  static constexpr bool kHasC = false;   ///< no state c
  static constexpr bool kPacked = true;  ///< has packed kernels
  static constexpr bool kRecurrentBias = true;  ///< two biases, since r multiplies R h + b_R
  static constexpr int kForgetGate = -1;        ///< no forget gate
  static constexpr int kPeepholeCount = 0;      ///< no peepholes
  using SplitCell = void;                       ///< no split equations

  /// Blocks to which W x is added. R h is always added to the first kGates blocks.
  static constexpr GateRun kInputRuns[] = {{0, 0, 2}, {2, 3, 1}};
};

namespace equations {
#include <rondo/math/cells/gru.inl>
}

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Variants of the LSTM cell: peepholes, coupled input and forget gate, both. They have no packed kernels.
#pragma once

#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

/// An LSTM cell with coupled input and forget gate (i = 1 - f), with peepholes, or both. Equations: see
/// rondo::PeepholeLstm and rondo::CoupledLstm.
template <bool kCoupled, bool kPeepholes>
struct LstmVariantCell {
  /// name in messages
  static constexpr const char* kName = kCoupled ? (kPeepholes ? "CoupledPeepholeLstm" : "CoupledLstm") : "PeepholeLstm";
  static constexpr const char* kModule = "lstm";        ///< name in the paths of parameters
  static constexpr int kGates = kCoupled ? 3 : 4;       ///< gates (i,) f, g, o: blocks of H rows in W, R and b
  static constexpr int kBlocks = kGates;                ///< blocks of H rows saved per step
  static constexpr bool kHasC = true;                   ///< has a cell state c
  static constexpr bool kPacked = false;                ///< no packed kernels
  static constexpr bool kRecurrentBias = false;         ///< one bias
  static constexpr int kForgetGate = kCoupled ? 0 : 1;  ///< index of the forget gate
  static constexpr int kPeepholeCount = kPeepholes ? kGates - 1 : 0;  ///< peephole weights per unit
  using SplitCell = LstmVariantCell;  ///< the equations are split into state update and output
  /// Blocks to which W x is added. R h is always added to the first kGates blocks.
  static constexpr GateRun kInputRuns[] = {{0, 0, kGates}};
};

using PeepholeLstmCell = LstmVariantCell<false, true>;        ///< LSTM with peepholes
using CoupledLstmCell = LstmVariantCell<true, false>;         ///< LSTM with coupled input and forget gate
using CoupledPeepholeLstmCell = LstmVariantCell<true, true>;  ///< LSTM with coupled gates and peepholes

namespace equations {
#include <rondo/math/cells/lstm_variants.inl>
}

}  // namespace rondo::inline RONDO_ABI

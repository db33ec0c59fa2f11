// SPDX-License-Identifier: MIT
// Variants of the LSTM cell: peepholes, coupled gates, both. They run on the plain pass.
#pragma once

#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

template <bool kCoupled, bool kPeepholes>
struct LstmVariantCell {
  static constexpr const char* kName =
      kCoupled ? (kPeepholes ? "CoupledPeepholeLstm" : "CoupledLstm") : "PeepholeLstm";  // in messages
  static constexpr const char* kModule = "lstm";                                         // in the names of parameters
  static constexpr int kGates = kCoupled ? 3 : 4;  // (i,) f, g, o: blocks of H rows in W, R and b
  static constexpr int kBlocks = kGates;
  static constexpr bool kHasC = true;
  static constexpr bool kPacked = false;
  static constexpr bool kRecurrentBias = false;
  static constexpr int kForgetGate = kCoupled ? 0 : 1;
  static constexpr int kPeepholeCount = kPeepholes ? kGates - 1 : 0;  // weights from c to gates
  using SplitCell = LstmVariantCell;  // two texts: what is remembered, what is shown of it
  static constexpr GateRun kInputRuns[] = {{0, 0, kGates}};
};

using PeepholeLstmCell = LstmVariantCell<false, true>;
using CoupledLstmCell = LstmVariantCell<true, false>;
using CoupledPeepholeLstmCell = LstmVariantCell<true, true>;

namespace equations {
#include <rondo/math/cells/lstm_variants.inl>
}

}  // namespace rondo::inline RONDO_ABI

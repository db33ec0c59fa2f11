// SPDX-License-Identifier: MIT
// The LSTM cell: four gates, a cell c beside the hidden state h.
#pragma once

#include <rondo/math/cells/lstm_variants.hpp>
#include <rondo/math/equations.hpp>

namespace rondo::inline RONDO_ABI {

struct LstmCell {
  static constexpr const char* kName = "Lstm";      // in messages
  static constexpr const char* kModule = "lstm";    // in the names of parameters
  static constexpr int kGates = 4;                  // i, f, g, o: blocks of H rows in W, R and b
  static constexpr int kBlocks = 4;                 // blocks of H rows that a step keeps
  static constexpr bool kHasC = true;               // a state c beside h
  static constexpr bool kPacked = true;             // runs on the packed passes
  static constexpr bool kRecurrentBias = false;     // two biases, since R h is not just added to W x
  static constexpr int kForgetGate = 1;             // or -1
  static constexpr int kPeepholeCount = 0;          // weights from c to gates
  using SplitCell = LstmVariantCell<false, false>;  // the same in two texts: what is remembered, what is shown of it

  /// Which blocks W x is added to. R h is always added to the first kGates.
  static constexpr GateRun kInputRuns[] = {{0, 0, 4}};
};

namespace equations {
#include <rondo/math/cells/lstm.inl>
}

}  // namespace rondo::inline RONDO_ABI

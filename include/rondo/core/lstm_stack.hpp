// SPDX-License-Identifier: MIT
// What a pass over several LSTM layers at once takes. A backend that can do that has kRunsLayersTogether and the verbs
// layers_run_together, lstm_stack_forward and lstm_stack_backward; for the others Lstm runs layer after layer.
#pragma once

#include <rondo/core/lstm_cache.hpp>
#include <rondo/core/precision.hpp>

#include <span>
#include <vector>

namespace rondo::inline v0 {

/// The mask a forward pass drew, which backward needs again.
template <class Scalar, class Device = Cpu>
struct DropoutCache {
  Sequence<Scalar, Device> mask;  // 0 or 1/(1-p)
  Sequence<Scalar, Device> y;     // x * mask
};

template <class Device>
inline constexpr bool kRunsLayersTogether = false;

/// L layers, the lowest first.
template <class Scalar, class Device>
struct LstmStack {
  Precision precision;
  std::vector<LstmWeights<const Scalar>> weights;    // L
  std::vector<LstmWeights<Scalar>> gradients;        // L; empty going forward
  std::span<LstmLayerCache<Scalar, Device>> caches;  // L
  double dropout;                                    // probability; 0: nothing is dropped
  std::span<DropoutCache<Scalar, Device>> dropouts;  // L - 1: [l] stands between layers l and l+1
};

}  // namespace rondo::inline v0

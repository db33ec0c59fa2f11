// SPDX-License-Identifier: MIT
// What a pass over several recurrent layers takes: their caches, and, of a backend that can run several at once (it has
// kSupportsWavefront and the operations wavefront_enabled, recurrent_stack_forward and recurrent_stack_backward),
// all of them as one value. For the others Recurrent runs layer after layer.
#pragma once

#include <rondo/core/dropout_cache.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/weights.hpp>

#include <array>
#include <span>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// What one layer remembers: the outputs of all its directions, and each one's own.
template <class Scalar, class Device = Cpu>
struct LayerCache {
  Sequence<Scalar, Device> y;                            // D*P x B x T
  std::array<RecurrentCache<Scalar, Device>, 2> passes;  // forward, reverse
};

template <class Device, class Cell>
inline constexpr bool kSupportsWavefront = false;

/// L layers in one direction, the lowest first.
template <class Scalar, class Device>
struct RecurrentStack {
  PassOptions options;
  std::vector<RecurrentWeights<const Scalar>> weights;  // L
  std::vector<RecurrentWeights<Scalar>> gradients;      // L; empty going forward
  std::span<LayerCache<Scalar, Device>> caches;         // L
  double dropout;                                       // probability; 0: nothing is dropped
  std::span<DropoutCache<Scalar, Device>> dropouts;     // L - 1: [l] stands between layers l and l+1
};

}  // namespace rondo::inline RONDO_ABI

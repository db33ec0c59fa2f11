// SPDX-License-Identifier: MIT
// Types of a pass over several recurrent layers: their caches, and all layers as one value for a backend that runs
// several at once. Such a backend sets kSupportsWavefront and has the operations wavefront_enabled,
// recurrent_stack_forward and recurrent_stack_backward. On other backends Recurrent runs layers in order.
#pragma once

#include <rondo/core/dropout_cache.hpp>
#include <rondo/recurrent/cache.hpp>
#include <rondo/recurrent/weights.hpp>

#include <array>
#include <span>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// Activations of one layer: the outputs of all directions, and the cache of each direction.
template <class Scalar, class Device = Cpu>
struct LayerCache {
  Sequence<Scalar, Device> y;                            ///< outputs, D*P x B x T
  std::array<RecurrentCache<Scalar, Device>, 2> passes;  ///< forward, reverse
};

/// Whether the backend of Device can run several layers of this cell at once.
template <class Device, class Cell>
inline constexpr bool kSupportsWavefront = false;

/// L layers in one direction, lowest first.
template <class Scalar, class Device>
struct RecurrentStack {
  PassOptions options;                                  ///< the same for all layers
  std::vector<RecurrentWeights<const Scalar>> weights;  ///< L
  std::vector<RecurrentWeights<Scalar>> gradients;      ///< L; empty in the forward pass
  std::span<LayerCache<Scalar, Device>> caches;         ///< L
  double dropout;                                       ///< probability; 0: no dropout
  std::span<DropoutCache<Scalar, Device>> dropouts;     ///< L - 1; [l] is between layers l and l+1
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// The activations of one recurrent layer in both directions.
#pragma once

#include <rondo/recurrent/cache.hpp>

#include <array>

namespace rondo::inline RONDO_ABI {

/// Activations of one layer: the outputs of all directions, and the cache of each direction.
template <class Scalar, class Device = Cpu>
struct LayerCache {
  Sequence<Scalar, Device> y;                            ///< outputs, D*P x B x T
  std::array<RecurrentCache<Scalar, Device>, 2> passes;  ///< forward, reverse
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Selects the algorithm of a pass.
#pragma once

#include "arguments.hpp"

#include <rondo/cuda/context.hpp>
#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// Whether the persistent algorithms have kernels for such a layer. Whether it fits the device is decided by
/// enqueue_grid_persistent and enqueue_cluster_persistent.
template <class Cell, class Scalar>
bool persistent_supports(const RecurrentShape& shape);

/// The algorithm of a forward pass over a batch of one; `automatic` before one was chosen.
template <class Cell, class Scalar>
RecurrentAlgorithm predicted_algorithm(const RecurrentShape& shape, Precision precision);

/// Runs the requested algorithm of the context, or the next simpler one that supports the layer and the device.
/// `needed`: see enqueue_stepwise.
template <class Cell, class Arguments, class Scalar>
void run_algorithm(const Arguments& a, Precision precision, const RecurrentWeights<const Scalar>& w,
                   RecurrentWorkspace<Scalar, Cuda>& work, std::span<const std::int32_t> needed);

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// Which algorithm runs.
#pragma once

#include "arguments.hpp"

#include <rondo/cuda/context.hpp>
#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// What `automatic` means for this pass of the LSTM: the fastest of the algorithms that were measured on such a device.
RecurrentAlgorithm measured_best(const DeviceInfo& device, Precision precision, Index H, Index B, bool backward);

/// Whether the persistent algorithms have kernels for such a layer. Whether it fits the device is another question:
/// enqueue_grid_persistent and enqueue_cluster_persistent answer it.
template <class Cell, class Scalar>
bool persistent_supports(const RecurrentShape& shape);

/// The algorithm of a forward pass over one column, which is that of any batch.
template <class Cell, class Scalar>
RecurrentAlgorithm predicted_algorithm(const RecurrentShape& shape, Precision precision);

/// Runs the algorithm that the context asks for, or the next simpler one that can.
template <class Cell, class Arguments, class Scalar>
void run_algorithm(const Arguments& a, Precision precision, const RecurrentWeights<const Scalar>& w,
                   RecurrentWorkspace<Scalar, Cuda>& work);

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// A model of the time of one step of a recurrence on a GPU, from data sheets and the partition of the kernels. It
// selects the candidates that are worth a measurement (choice.hpp). Plain C++, so that it can be tested without a GPU.
// Legend: H hidden units, B batch.
#pragma once

#include "arguments.hpp"

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// Expected time in microseconds of one step of a cell without the products over all steps; infinite if the algorithm
/// has no kernels for the cell or does not fit the device. No time was measured on a GPU yet: the constants are from
/// data sheets and published latencies, in cost_model.cpp.
double expected_step_time(const DeviceInfo& device, RecurrentAlgorithm algorithm, Precision precision,
                          const CellKernels& cell, Index H, Index B, bool backward);

}  // namespace rondo::inline RONDO_ABI::cuda

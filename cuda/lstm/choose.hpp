// SPDX-License-Identifier: MIT
// Which walk through time runs.
#pragma once

#include "arguments.hpp"

#include <rondo/cuda/context.hpp>
#include <rondo/cuda/lstm.hpp>

namespace rondo::inline v0::cuda {

/// What `automatic` means for this pass: the fastest walk of those that were measured on such a device.
LstmWalk measured_best(const DeviceInfo& device, Precision precision, Index H, Index B, bool backward);

/// Runs the walk that the context asks for, or the next simpler one that can.
template <class Arguments, class Scalar>
void walk(const Arguments& a, Precision precision, MatrixView<const Scalar> R, LstmWorkspace<Scalar, Cuda>& work);

}  // namespace rondo::inline v0::cuda

// SPDX-License-Identifier: MIT
// Lower bound on the time per step of an algorithm, from data-sheet figures: for comparison with measured times.
#pragma once

#include "shape.hpp"

#include <rondo/core/precision.hpp>
#include <rondo/cuda/context.hpp>

namespace bench {

/// Seconds per time step of one pass through all layers, forward or backward, including its share of the products over
/// the whole sequence. Uses the figures of Hopper for every device, scaled by its number of multiprocessors; docs/05
/// explains the terms.
double lower_bound_seconds(const rondo::cuda::DeviceInfo& device, const Shape& shape, rondo::Precision precision,
                           rondo::cuda::RecurrentAlgorithm algorithm, bool backward);

}  // namespace bench

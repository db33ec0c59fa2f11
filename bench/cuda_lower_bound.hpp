// SPDX-License-Identifier: MIT
// What a step of an algorithm takes at least, counted from data sheets: a figure to hold a measured time against, not a
// claim.
#pragma once

#include "shape.hpp"

#include <rondo/core/precision.hpp>
#include <rondo/cuda/context.hpp>

namespace bench {

/// Seconds a time step of one pass through all layers, forward or backward, with its share of the products over the
/// whole sequence. Counted with figures of Hopper for every device, by its number of multiprocessors; docs/05 explains
/// the terms.
double lower_bound_seconds(const rondo::cuda::DeviceInfo& device, const Shape& shape, rondo::Precision precision,
                           rondo::cuda::RecurrentAlgorithm algorithm, bool backward);

}  // namespace bench

// SPDX-License-Identifier: MIT
// What `automatic` means: the algorithm of a pass in float without a projection, chosen at the first pass of a size on
// a device. A candidate is never taken before its result agreed with that of the stepwise algorithm on this device.
//
//   1. the cost model orders the algorithms; the two that it expects to be fastest are candidates beside stepwise
//   2. each runs a few steps on copies of the arguments, with random values; a result that differs from stepwise's
//      excludes it
//   3. AlgorithmChoice::measured: each is timed, and one that is not 10 % faster than a simpler one is not taken;
//      deterministic: the first of the order is taken
//
// While a stream is captured nothing can be tried: a choice made before holds, else stepwise. Plain C++.
#pragma once

#include "arguments.hpp"

#include <rondo/cuda/context.hpp>

namespace rondo::inline RONDO_ABI::cuda {

/// The choice for a pass of `Cell` with these arguments: a stored one, or one that is made now. It is stored.
template <class Cell, class Arguments>
RecurrentAlgorithm choose_algorithm(const Arguments& a, Precision precision);

/// The stored choice for a forward pass of H units of `cell` (its kName), whatever its batch; `automatic` if there is
/// none.
RecurrentAlgorithm known_choice(const char* cell, Index H, Precision precision);

}  // namespace rondo::inline RONDO_ABI::cuda

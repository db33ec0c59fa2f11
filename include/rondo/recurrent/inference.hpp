// SPDX-License-Identifier: MIT
// Types of a recurrent layer that is used for inference only. Each backend defines both for its device.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// Packed weights of one layer in one direction, for inference.
template <class Scalar, class Device>
struct InferenceWeights;

/// Workspace of one caller for inference with one layer.
template <class Scalar, class Device>
struct InferenceWorkspace;

}  // namespace rondo::inline RONDO_ABI

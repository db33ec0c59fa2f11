// SPDX-License-Identifier: MIT
// What inference alone keeps of a recurrent layer. Each backend defines both for its own device.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// The weights of one layer in one direction, packed once.
template <class Scalar, class Device>
struct InferenceWeights;

/// Scratch memory of one caller's passes over such a layer.
template <class Scalar, class Device>
struct InferenceWorkspace;

}  // namespace rondo::inline RONDO_ABI

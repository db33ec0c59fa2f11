// SPDX-License-Identifier: MIT
// What dropout keeps from its forward pass for its backward pass.
#pragma once

#include <rondo/core/sequence.hpp>

namespace rondo::inline RONDO_ABI {

/// The mask a forward pass drew, which backward needs again.
template <class Scalar, class Device = Cpu>
struct DropoutCache {
  Sequence<Scalar, Device> mask;  // 0 or 1/(1-p)
  Sequence<Scalar, Device> y;     // x * mask
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Values that the forward pass of dropout saves for backward.
#pragma once

#include <rondo/core/sequence.hpp>

namespace rondo::inline RONDO_ABI {

/// Mask and output of a forward pass of dropout, saved for backward.
template <class Scalar, class Device = Cpu>
struct DropoutCache {
  Sequence<Scalar, Device> mask;  ///< C x B x T, values 0 or 1/(1-p)
  Sequence<Scalar, Device> y;     ///< C x B x T, x * mask
};

}  // namespace rondo::inline RONDO_ABI

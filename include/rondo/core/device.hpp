// SPDX-License-Identifier: MIT
// Devices are tags. A backend is the set of overloads whose first argument is its tag (`gemm(Cpu{}, ...)`), found by
// argument-dependent lookup; layers are written once against those names. See docs/09-design.md.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// Runs on the host (Eigen and own SIMD kernels).
struct Cpu {};

/// Runs on an NVIDIA GPU. Defined by `<rondo/cuda.hpp>`; without that header any use is a compile-time error.
struct Cuda;

/// Whether the header of this device's backend is included.
template <class Device>
inline constexpr bool backend_included = requires {
  sizeof(Device);
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Devices are tags. A backend is the set of overloads whose first argument is its tag (`gemm(Cpu{}, ...)`), found by
// argument-dependent lookup; layers are written once against those names. See docs/09-design.md.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// Runs on the host, by Eigen.
struct Cpu {};

/// Runs on an NVIDIA GPU. Defined by the CUDA backend's header; without it any use is one clear error.
struct Cuda;

template <class Device>
inline constexpr bool backend_included = requires {
  sizeof(Device);
};

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Definitions of cpu/kernels.hpp.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>
#include <rondo/cpu/kernels.hpp>

namespace rondo::inline RONDO_ABI::detail {

RONDO_INLINE const Kernels* kernels() { return kernels_of(cpu_level()); }

}  // namespace rondo::inline RONDO_ABI::detail

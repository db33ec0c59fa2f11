// SPDX-License-Identifier: MIT
// The one file that a program with RONDO_SEPARATE_KERNELS compiles beside its own: see cpu/kernels.hpp.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>

namespace rondo::inline v0::detail {

const Kernels* separate_kernels_of(CpuLevel level) { return kernels_of(level); }

}  // namespace rondo::inline v0::detail

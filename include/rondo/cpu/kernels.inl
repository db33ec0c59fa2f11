// SPDX-License-Identifier: MIT
// Definitions of cpu/kernels.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>

namespace rondo::inline RONDO_ABI::detail {

RONDO_INLINE const Kernels* kernels() { return kernels_of(cpu_level()); }

RONDO_INLINE StreamLinearKernel stream_linear_kernel() {
#if RONDO_X86_LEVELS
  if (const auto* kernel = of_level(cpu_level(), avx2::kStreamLinear, avx512::kStreamLinear, avx512::kStreamLinear))
    return *kernel;
#elif RONDO_ARM_LEVELS
  if (cpu_level() == CpuLevel::neon) return neon::kStreamLinear;
#elif RONDO_WASM_LEVELS
  if (cpu_level() == CpuLevel::simd128) return simd128::kStreamLinear;
#endif
  return nullptr;
}

}  // namespace rondo::inline RONDO_ABI::detail

// SPDX-License-Identifier: MIT
// Definitions of cpu/kernels.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>

namespace rondo::inline RONDO_ABI::detail {

RONDO_INLINE const Kernels* kernels() { return kernels_of(cpu_level()); }

RONDO_INLINE StreamLinearKernel stream_linear_kernel() {
#if RONDO_X86_LEVELS
  switch (cpu_level()) {
    case CpuLevel::avx512_bf16:
    case CpuLevel::avx512:
      return avx512::stream_linear;
    case CpuLevel::avx2:
      return avx2::stream_linear;
    case CpuLevel::baseline:
      break;
  }
#endif
  return nullptr;
}

}  // namespace rondo::inline RONDO_ABI::detail

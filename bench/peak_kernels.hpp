// SPDX-License-Identifier: MIT
// The loops of peak_kernel.inl at the level of Rondo's own kernels. As in cpu/kernels.hpp, the instruction set is
// selected for a region of the file.
#pragma once

#include <rondo/cpu/level.hpp>

#if RONDO_X86_LEVELS
#include <immintrin.h>
#endif

namespace bench {

struct Kernels {
  float (*multiply_adds)(long rounds, float factor, float term);
  float (*read_all)(const float* data, long count);
  long multiply_adds_per_round;
};

namespace baseline {
typedef float Vector __attribute__((vector_size(16), may_alias));
inline constexpr int kChains = 12;
inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }  // fused if the baseline has FMA
#include "peak_kernel.inl"
}  // namespace baseline

#if RONDO_X86_LEVELS

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
typedef float Vector __attribute__((vector_size(32), may_alias));
inline constexpr int kChains = 12;
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
#include "peak_kernel.inl"
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#endif
namespace avx512 {
typedef float Vector __attribute__((vector_size(64), may_alias));
inline constexpr int kChains = 24;
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
#include "peak_kernel.inl"
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // RONDO_X86_LEVELS

inline const Kernels& kernels() {
#if RONDO_X86_LEVELS
  switch (rondo::cpu_level()) {
    case rondo::CpuLevel::baseline:
      return baseline::kKernels;
    case rondo::CpuLevel::avx2:
      return avx2::kKernels;
    default:
      return avx512::kKernels;  // higher levels differ in other instructions only
  }
#endif
  return baseline::kKernels;
}

}  // namespace bench

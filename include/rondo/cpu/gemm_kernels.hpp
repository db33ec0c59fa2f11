// SPDX-License-Identifier: MIT
// The float product kernels of every level, from one text (gemm_kernel.inl), and the choice among them at run time.
//
// The instruction set is named for a region of the file, not for a function: GCC lowers vector code by the options of
// the function that it is first written in, so attributes on callers come too late (docs/04-cpu-kernels.md).
#pragma once

#include <rondo/cpu/level.hpp>

#if RONDO_X86_LEVELS
#include <immintrin.h>
#endif

namespace rondo::inline v0::detail {

/// How B is found in memory: element (k, j) at data[k * row + j * column].
struct Operand {
  const float* data;
  long row, column;
};

/// One level's kernels. Matrices of floats, C column-major; what each does is written in gemm_kernel.inl.
struct GemmKernels {
  long (*packed_size)(long rows, long depth);
  void (*pack)(long rows, long depth, const float* a, long row_step, long k_step, float* to);
  void (*multiply_packed)(long rows, long depth, const float* packed, Operand b, float* c, long c_stride, long columns);
  void (*multiply)(long rows, long depth, const float* a, long row_step, long k_step, Operand b, float* c,
                   long c_stride, long columns);
};

namespace baseline {
typedef float Vector __attribute__((vector_size(16)));
inline constexpr int kTileColumns = 3;
// A product and a sum, never contracted: the compiler would contract in some tiles and not in others.
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
#include <rondo/cpu/gemm_kernel.inl>
#if !defined(__clang__)
#pragma GCC pop_options
#endif
}  // namespace baseline

#if RONDO_X86_LEVELS

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
typedef float Vector __attribute__((vector_size(32)));
inline constexpr int kTileColumns = 3;  // 4 x 3 sums, 3 of B, 1 of A: 16 registers
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
#include <rondo/cpu/gemm_kernel.inl>
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
namespace avx512 {
typedef float Vector __attribute__((vector_size(64)));
inline constexpr int kTileColumns = 6;  // 4 x 6 sums, 6 of B, 1 of A: 31 of 32 registers
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
#include <rondo/cpu/gemm_kernel.inl>
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // RONDO_X86_LEVELS

/// The kernels of the level in use.
inline const GemmKernels& gemm_kernels() {
#if RONDO_X86_LEVELS
  switch (cpu_level()) {
    case CpuLevel::avx512:
      return avx512::kKernels;
    case CpuLevel::avx2:
      return avx2::kKernels;
    case CpuLevel::baseline:
      break;
  }
#endif
  return baseline::kKernels;
}

}  // namespace rondo::inline v0::detail

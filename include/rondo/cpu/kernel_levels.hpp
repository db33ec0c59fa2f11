// SPDX-License-Identifier: MIT
// The inner kernels of all instruction-set levels. Each level compiles the same source (cpu/kernels/*.inl). Every file
// that includes this header compiles all levels, which takes seconds; see cpu/kernels.hpp.
//
// A pragma selects the instruction set for a region of the file. Attributes on single functions do not work: GCC lowers
// vector code with the options of the function in which it is written, before inlining (docs/04-cpu-kernels.md).
// Automatic contraction to fused multiply-adds is off, because the compiler would contract in some tiles and not in
// others; the kernels call multiply_add explicitly.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/level.hpp>
#include <rondo/math/packed_cells.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if RONDO_X86_LEVELS
#include <immintrin.h>
#endif

namespace rondo::inline RONDO_ABI::detail {

#if RONDO_X86_LEVELS

#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // GCC 12: false positive for array sizes from template parameters
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
typedef float Vector __attribute__((vector_size(32)));
inline constexpr int kTileColumns = 3;  // 16 registers: 4 x 3 accumulators, 3 for B, 1 for A
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm256_min_ps(a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
#include <rondo/cpu/kernels/registers.inl>
using Bf16Product = Fp32;
#include <rondo/cpu/kernels/all.inl>
#include <rondo/cpu/kernels/table.inl>
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
inline constexpr int kTileColumns = 6;  // 31 of 32 registers: 4 x 6 accumulators, 6 for B, 1 for A
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm512_maskz_min_ps(0xffff, a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm512_maskz_max_ps(0xffff, a, b); }
#include <rondo/cpu/kernels/registers.inl>
using Bf16Product = Fp32;
#include <rondo/cpu/kernels/all.inl>
#include <rondo/cpu/kernels/table.inl>
/// As kStreamKernels; layers of at most 8 units, and at most 8 voices, use 32-byte registers, which they fill.
template <class Cell>
inline constexpr StreamKernels kMixedStreamKernels{
    kLanes, pack_gates<Fp32, Cell::kGates>, stream_step<Cell>,
    [](long hidden, bool fast) {
      return hidden <= avx2::kLanes ? avx2::stream_form<Cell>(hidden, fast) : stream_form<Cell>(hidden, fast);
    },
    [](long voices, bool fast, long& width) {
      width = voices <= avx2::kLanes ? avx2::kLanes : kLanes;
      return voices <= avx2::kLanes ? avx2::stream_voices<Cell>(fast) : stream_voices<Cell>(fast);
    }};
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
namespace avx512_bf16 {
typedef float Vector __attribute__((vector_size(64)));
inline constexpr int kTileColumns = 6;
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm512_maskz_min_ps(0xffff, a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm512_maskz_max_ps(0xffff, a, b); }
#include <rondo/cpu/kernels/registers.inl>
/// A packed element is two bfloat16: c + a0 b0 + a1 b1 in float.
struct Bf16Product {
  static constexpr long kValues = 2;
  [[gnu::always_inline]] static Vector broadcast_packed(Packed element) {
    return reinterpret_cast<Vector>(__builtin_bit_cast(std::int32_t, element) - IntVector{});
  }
  [[gnu::always_inline]] static Vector multiply_add_packed(Vector a, Vector b, Vector c) {
    return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};
#include <rondo/cpu/kernels/all.inl>
inline constexpr Kernels kKernels = [] {  // as AVX-512, except for bf16 products
  Kernels k = avx512::kKernels;
  k.bf16 = kProductKernels<Bf16>;
  return k;
}();
template <class Cell>
inline constexpr CellKernels kCellKernels{avx512::kCellProductKernels<avx512::Fp32, Cell>,
                                          kCellProductKernels<Bf16, Cell>};
}  // namespace avx512_bf16
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang fp contract(on)
#else
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif

#endif  // RONDO_X86_LEVELS

#if RONDO_X86_LEVELS
/// Selects the table of `level`; null at the baseline.
template <class Table>
const Table* of_level(CpuLevel level, const Table& at_avx2, const Table& at_avx512, const Table& at_avx512_bf16) {
  switch (level) {
    case CpuLevel::avx512_bf16:
      return &at_avx512_bf16;
    case CpuLevel::avx512:
      return &at_avx512;
    case CpuLevel::avx2:
      return &at_avx2;
    case CpuLevel::baseline:
      break;
  }
  return nullptr;
}
#endif

/// The kernels of `level`; null at the baseline, which uses Eigen.
inline const Kernels* kernels_of([[maybe_unused]] CpuLevel level) {
#if RONDO_X86_LEVELS
  return of_level(level, avx2::kKernels, avx512::kKernels, avx512_bf16::kKernels);
#else
  return nullptr;
#endif
}

/// The recurrent kernels of `level` for one cell, compiled where this is instantiated; null at the baseline.
template <class Cell>
const CellKernels* cell_kernels_of([[maybe_unused]] CpuLevel level) {
#if RONDO_X86_LEVELS
  return of_level(level, avx2::kCellKernels<Cell>, avx512::kCellKernels<Cell>, avx512_bf16::kCellKernels<Cell>);
#else
  return nullptr;
#endif
}

template <class Cell>
const CellKernels* cell_kernels() {
  return cell_kernels_of<Cell>(cpu_level());
}

template <class Cell>
const StreamKernels* stream_kernels() {
#if RONDO_X86_LEVELS
  return of_level(cpu_level(), avx2::kStreamKernels<Cell>, avx512::kMixedStreamKernels<Cell>,
                  avx512::kMixedStreamKernels<Cell>);
#else
  return nullptr;
#endif
}

}  // namespace rondo::inline RONDO_ABI::detail

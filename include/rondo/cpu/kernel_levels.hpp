// SPDX-License-Identifier: MIT
// The inner kernels of every level, from one text (cpu/kernels/*.inl). They are compiled in each file that includes
// this, which takes seconds; see cpu/kernels.hpp.
//
// The instruction set is named for a region of the file, not for a function: GCC lowers vector code by the options of
// the function that it is first written in, so attributes on callers come too late (docs/04-cpu-kernels.md). In all of
// them a product and a sum are fused where the text says so: a compiler would contract in some tiles and not in others.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/level.hpp>
#include <rondo/math/packed_cells.hpp>

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
#pragma GCC diagnostic ignored "-Wsign-conversion"  // GCC 12: of an int template parameter as the size of an array
#endif

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
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm256_min_ps(a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
#include <rondo/cpu/kernels/registers.inl>
[[gnu::always_inline]] inline Vector dot_pairs(Vector a, Vector b, Vector c) { return dot_pairs_as_floats(a, b, c); }
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
inline constexpr int kTileColumns = 6;  // 4 x 6 sums, 6 of B, 1 of A: 31 of 32 registers
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm512_maskz_min_ps(0xffff, a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm512_maskz_max_ps(0xffff, a, b); }
#include <rondo/cpu/kernels/registers.inl>
[[gnu::always_inline]] inline Vector dot_pairs(Vector a, Vector b, Vector c) { return dot_pairs_as_floats(a, b, c); }
#include <rondo/cpu/kernels/all.inl>
#include <rondo/cpu/kernels/table.inl>
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
[[gnu::always_inline]] inline Vector dot_pairs(Vector a, Vector b, Vector c) {
  return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
#include <rondo/cpu/kernels/all.inl>
inline constexpr Kernels kKernels = [] {  // the level below, but for the products of pairs
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
/// The table of a level among those of all; null at the baseline.
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

/// The kernels of a level; null at the baseline, where Eigen serves.
inline const Kernels* kernels_of([[maybe_unused]] CpuLevel level) {
#if RONDO_X86_LEVELS
  return of_level(level, avx2::kKernels, avx512::kKernels, avx512_bf16::kKernels);
#else
  return nullptr;
#endif
}

/// The kernels of a level for one kind of cell, compiled where they are first asked for; null at the baseline.
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
  return of_level(cpu_level(), avx2::kStreamKernels<Cell>, avx512::kStreamKernels<Cell>, avx512::kStreamKernels<Cell>);
#else
  return nullptr;
#endif
}

}  // namespace rondo::inline RONDO_ABI::detail

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
#elif RONDO_ARM_LEVELS
#include <arm_neon.h>
#endif

namespace rondo::inline RONDO_ABI::detail {

#if RONDO_X86_LEVELS || RONDO_ARM_LEVELS || RONDO_WASM_LEVELS
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // GCC 12: false positive for array sizes from template parameters
#endif
#endif

#if RONDO_X86_LEVELS
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {
// clang-format off
#include <rondo/cpu/kernels/levels/avx2.inl>
#include <rondo/cpu/kernels/registers.inl>
#include <rondo/cpu/kernels/levels/avx2_streams.inl>
// clang-format on
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
// clang-format off
#include <rondo/cpu/kernels/levels/avx512.inl>
#include <rondo/cpu/kernels/registers.inl>
#include <rondo/cpu/kernels/levels/avx512_streams.inl>
// clang-format on
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
// clang-format off
#include <rondo/cpu/kernels/levels/avx512.inl>
#include <rondo/cpu/kernels/registers.inl>
#include <rondo/cpu/kernels/levels/avx512_streams.inl>
// clang-format on
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
    default:
      return nullptr;
  }
}
#endif  // RONDO_X86_LEVELS

#if RONDO_ARM_LEVELS  // NEON is part of 64-bit Arm: no target has to be selected
namespace neon {
// clang-format off
#include <rondo/cpu/kernels/levels/neon.inl>
#include <rondo/cpu/kernels/registers.inl>
#include <rondo/cpu/kernels/levels/neon_streams.inl>
// clang-format on
using Bf16Product = Fp32;
#include <rondo/cpu/kernels/all.inl>
#include <rondo/cpu/kernels/table.inl>
}  // namespace neon
#endif

#if RONDO_WASM_LEVELS  // -msimd128 has selected the target
namespace simd128 {
// clang-format off
#include <rondo/cpu/kernels/levels/simd128.inl>
#include <rondo/cpu/kernels/registers.inl>
#include <rondo/cpu/kernels/levels/simd128_streams.inl>
// clang-format on
using Bf16Product = Fp32;
#include <rondo/cpu/kernels/all.inl>
#include <rondo/cpu/kernels/table.inl>
}  // namespace simd128
#endif

namespace baseline {
// clang-format off
#include <rondo/cpu/kernels/levels/baseline_streams.inl>
#include <rondo/cpu/kernels/stream_registers.inl>
#include <rondo/cpu/kernels/stream_functions.inl>
#include <rondo/cpu/kernels/stream_cells.inl>
#include <rondo/cpu/kernels/stream_project.inl>
#include <rondo/cpu/kernels/stream_update.inl>
#include <rondo/cpu/kernels/stream_reduced.inl>
// clang-format on
}  // namespace baseline

#if RONDO_X86_LEVELS || RONDO_ARM_LEVELS || RONDO_WASM_LEVELS
#if defined(__clang__)
#pragma clang fp contract(on)
#else
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif
#endif

/// The kernels of `level`; null at the baseline, which uses Eigen.
inline const Kernels* kernels_of([[maybe_unused]] CpuLevel level) {
#if RONDO_X86_LEVELS
  return of_level(level, avx2::kKernels, avx512::kKernels, avx512_bf16::kKernels);
#elif RONDO_ARM_LEVELS
  return level == CpuLevel::neon ? &neon::kKernels : nullptr;
#elif RONDO_WASM_LEVELS
  return level == CpuLevel::simd128 ? &simd128::kKernels : nullptr;
#else
  return nullptr;
#endif
}

/// The recurrent kernels of `level` for one cell, compiled where this is instantiated; null at the baseline.
template <class Cell>
const CellKernels* cell_kernels_of([[maybe_unused]] CpuLevel level) {
#if RONDO_X86_LEVELS
  return of_level(level, avx2::kCellKernels<Cell>, avx512::kCellKernels<Cell>, avx512_bf16::kCellKernels<Cell>);
#elif RONDO_ARM_LEVELS
  return level == CpuLevel::neon ? &neon::kCellKernels<Cell> : nullptr;
#elif RONDO_WASM_LEVELS
  return level == CpuLevel::simd128 ? &simd128::kCellKernels<Cell> : nullptr;
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
#elif RONDO_ARM_LEVELS
  return cpu_level() == CpuLevel::neon ? &neon::kStreamKernels<Cell> : nullptr;
#elif RONDO_WASM_LEVELS
  return cpu_level() == CpuLevel::simd128 ? &simd128::kStreamKernels<Cell> : nullptr;
#else
  return nullptr;
#endif
}

/// The form of a layer with weights of bf16 or int8, at every level.
template <class Cell>
StreamForm stream_reduced_form(long hidden, bool fast, bool int8) {
  const CpuLevel level = cpu_level();
#if RONDO_X86_LEVELS
  // Without VNNI the products of int8 are those of AVX2.
  if (level >= CpuLevel::avx512 && (!int8 || __builtin_cpu_supports("avx512vnni")))
    return avx512::stream_reduced_form<Cell, avx512::Int8>(hidden, fast, int8);
  if (level >= CpuLevel::avx2) return avx2::stream_reduced_form<Cell, avx2::Int8>(hidden, fast, int8);
#elif RONDO_ARM_LEVELS
#if RONDO_ARM_DOT_PRODUCTS
  if (level == CpuLevel::neon && int8 && has_dot_products())
    return neon::stream_reduced_form<Cell, neon::Int8Dot>(hidden, fast, int8);
#endif
  if (level == CpuLevel::neon) return neon::stream_reduced_form<Cell, neon::Int8>(hidden, fast, int8);
#elif RONDO_WASM_LEVELS
  if (level == CpuLevel::simd128) return simd128::stream_reduced_form<Cell, simd128::Int8>(hidden, fast, int8);
#endif
  (void)level;
  return baseline::stream_reduced_form<Cell, baseline::Int8>(hidden, fast, int8);
}

}  // namespace rondo::inline RONDO_ABI::detail

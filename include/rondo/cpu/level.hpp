// SPDX-License-Identifier: MIT
// Instruction-set levels of the inner kernels. The kernels are compiled once for each level and selected at run time,
// so that a program built without -march uses the vector instructions of the machine. The environment variable
// RONDO_CPU_LEVEL selects a lower level than the machine supports: baseline|avx2|avx512|avx512_bf16, baseline|neon or
// baseline|simd128.
#pragma once

#include <rondo/version.hpp>

#include <atomic>
#include <cstdlib>
#include <string_view>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

// Levels above the baseline exist for GCC and Clang on x86-64 and on little-endian 64-bit Arm, and for WebAssembly with
// -msimd128.
#if defined(__x86_64__) && defined(__GNUC__)
#define RONDO_X86_LEVELS 1
#else
#define RONDO_X86_LEVELS 0
#endif
#if defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define RONDO_ARM_LEVELS 1
#else
#define RONDO_ARM_LEVELS 0
#endif
// Dot products of bytes: an option of Arm from version 8.2 on. Clang has had their intrinsics in every file since 16.
#if RONDO_ARM_LEVELS && \
    (defined(__ARM_FEATURE_DOTPROD) || (defined(__linux__) && (!defined(__clang__) || __clang_major__ >= 16)))
#define RONDO_ARM_DOT_PRODUCTS 1
#else
#define RONDO_ARM_DOT_PRODUCTS 0
#endif
#if defined(__wasm_simd128__)
#define RONDO_WASM_LEVELS 1
#else
#define RONDO_WASM_LEVELS 0
#endif

namespace rondo::inline RONDO_ABI {

/// Instruction-set level. `baseline` has no kernels of Rondo's: Eigen computes, for the compiler's target (SSE2 on
/// x86-64, NEON on 64-bit Arm, or that of -march).
enum class CpuLevel { baseline, neon, simd128, avx2, avx512, avx512_bf16 };

/// All levels of this architecture, lowest first.
#if RONDO_X86_LEVELS
inline constexpr CpuLevel kCpuLevels[] = {CpuLevel::baseline, CpuLevel::avx2, CpuLevel::avx512, CpuLevel::avx512_bf16};
#elif RONDO_ARM_LEVELS
inline constexpr CpuLevel kCpuLevels[] = {CpuLevel::baseline, CpuLevel::neon};
#elif RONDO_WASM_LEVELS
inline constexpr CpuLevel kCpuLevels[] = {CpuLevel::baseline, CpuLevel::simd128};
#else
inline constexpr CpuLevel kCpuLevels[] = {CpuLevel::baseline};
#endif

constexpr const char* name(CpuLevel level) {
  constexpr const char* kNames[] = {"baseline", "neon", "simd128", "avx2", "avx512", "avx512_bf16"};
  return kNames[static_cast<int>(level)];
}

/// The highest level that this machine supports.
inline CpuLevel best_cpu_level() {
#if RONDO_X86_LEVELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return __builtin_cpu_supports("avx512bf16") ? CpuLevel::avx512_bf16 : CpuLevel::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CpuLevel::avx2;
#elif RONDO_ARM_LEVELS
  return CpuLevel::neon;
#elif RONDO_WASM_LEVELS
  return CpuLevel::simd128;
#endif
  return CpuLevel::baseline;
}

namespace detail {

#if RONDO_ARM_DOT_PRODUCTS
/// Whether this machine has dot products of bytes, at the level neon.
inline bool has_dot_products() {
#if defined(__ARM_FEATURE_DOTPROD)
  return true;
#else
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  return (getauxval(AT_HWCAP) & kDotProducts) != 0;
#endif
}
#endif

inline CpuLevel level_at_start() {
  const CpuLevel best = best_cpu_level();
  const char* wanted = std::getenv("RONDO_CPU_LEVEL");
  if (wanted == nullptr) return best;
  for (CpuLevel level : kCpuLevels)
    if (std::string_view(wanted) == name(level) && level < best) return level;
  return best;
}

inline std::atomic<CpuLevel>& level_in_use() {
  static std::atomic<CpuLevel> level = level_at_start();
  return level;
}

}  // namespace detail

/// The level in use.
inline CpuLevel cpu_level() { return detail::level_in_use().load(std::memory_order_relaxed); }

/// Selects `level`, or the highest level below it that this machine supports. Returns the level in use. For
/// tests and benchmarks.
inline CpuLevel set_cpu_level(CpuLevel level) {
  CpuLevel selected = CpuLevel::baseline;
  for (CpuLevel one : kCpuLevels)
    if (one <= level && one <= best_cpu_level()) selected = one;
  detail::level_in_use() = selected;
  return selected;
}

}  // namespace rondo::inline RONDO_ABI

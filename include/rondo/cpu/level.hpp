// SPDX-License-Identifier: MIT
// Instruction-set levels of the inner kernels. The kernels are compiled once for each level and selected at run time,
// so that a program built without -march uses the vector instructions of the machine. The environment variable
// RONDO_CPU_LEVEL=baseline|avx2|avx512|avx512_bf16 selects a lower level than the machine supports.
#pragma once

#include <rondo/version.hpp>

#include <atomic>
#include <cstdlib>
#include <string_view>

// Levels above the baseline exist for GCC and Clang on x86-64.
#if defined(__x86_64__) && defined(__GNUC__)
#define RONDO_X86_LEVELS 1
#else
#define RONDO_X86_LEVELS 0
#endif

namespace rondo::inline RONDO_ABI {

/// Instruction-set level. `baseline` is the compiler's target: SSE2 on x86-64, NEON on 64-bit Arm, or that of -march.
enum class CpuLevel { baseline, avx2, avx512, avx512_bf16 };

/// All levels, lowest first.
inline constexpr CpuLevel kCpuLevels[] = {CpuLevel::baseline, CpuLevel::avx2, CpuLevel::avx512, CpuLevel::avx512_bf16};

constexpr const char* name(CpuLevel level) {
  constexpr const char* kNames[] = {"baseline", "avx2", "avx512", "avx512_bf16"};
  return kNames[static_cast<int>(level)];
}

/// The highest level that this machine supports.
inline CpuLevel best_cpu_level() {
#if RONDO_X86_LEVELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return __builtin_cpu_supports("avx512bf16") ? CpuLevel::avx512_bf16 : CpuLevel::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CpuLevel::avx2;
#endif
  return CpuLevel::baseline;
}

namespace detail {

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

/// Selects `level`, or the highest level that this machine supports if that is lower. Returns the level in use. For
/// tests and benchmarks.
inline CpuLevel set_cpu_level(CpuLevel level) {
  const CpuLevel best = best_cpu_level();
  detail::level_in_use() = level < best ? level : best;
  return cpu_level();
}

}  // namespace rondo::inline RONDO_ABI

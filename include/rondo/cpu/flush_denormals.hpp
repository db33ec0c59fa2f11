// SPDX-License-Identifier: MIT
// A guard that flushes denormals to zero (FTZ and DAZ) in its thread and restores the previous mode when it is
// destroyed. Arithmetic on denormals, numbers below 1e-38, is many times slower, and decaying states pass through that
// range. Has an effect on x86 and 64-bit Arm.
#pragma once

#include <rondo/version.hpp>

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rondo::inline RONDO_ABI {

class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }  // bit 15: results, bit 6: operands
  ~FlushDenormals() { _mm_setcsr(before_); }
#elif defined(__aarch64__) && defined(__GNUC__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
  FlushDenormals() {}
  ~FlushDenormals() {}
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  unsigned before_;
#elif defined(__aarch64__) && defined(__GNUC__)
  std::uint64_t before_;
#endif
};

}  // namespace rondo::inline RONDO_ABI

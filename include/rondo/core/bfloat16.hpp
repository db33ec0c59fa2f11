// SPDX-License-Identifier: MIT
// bfloat16: the upper half of a float, one number at a time. The kernels have it for vectors (cpu/kernels/bf16.inl).
#pragma once

#include <rondo/version.hpp>

#include <cstdint>
#include <cstring>

namespace rondo::inline RONDO_ABI {

// By std::memcpy: std::bit_cast is missing in some libraries that are otherwise C++20's.

/// `value` rounded to the nearest bfloat16, of two to the even one; NaN stays NaN.
inline std::uint16_t to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/// The float with these upper bits.
inline float from_bfloat16(std::uint16_t upper) {
  const std::uint32_t bits = static_cast<std::uint32_t>(upper) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace rondo::inline RONDO_ABI

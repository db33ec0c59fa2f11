// SPDX-License-Identifier: MIT
// The short number formats of the tensor cores, element by element: bf16 (8 bits of significand), fp16 (11), tf32 (11,
// stored in a float).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace host_cuda {

// A bf16 is the upper half of a float.
inline float bf16_to_float(std::uint16_t v) { return std::bit_cast<float>(std::uint32_t{v} << 16); }

inline std::uint16_t float_to_bf16(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if (std::isnan(v)) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // ties to even
}

inline float fp16_to_float(std::uint16_t v) {
  const std::uint32_t sign = std::uint32_t{v & 0x8000u} << 16, magnitude = v & 0x7fffu;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);  // infinite, NaN
  // With the exponent's bits unchanged, the float is too small by 2^(127 - 15), subnormals included; the product is
  // exact.
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f));
}

inline std::uint16_t float_to_fp16(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const float magnitude = std::fabs(v);
  if (std::isnan(v)) return 0x7fff;
  if (magnitude >= 65520.0f) return sign | 0x7c00;  // 65504 is the largest; half a step above it rounds to infinity
  if (magnitude < 0x1p-14f) {  // subnormal: the float's own addition rounds to the last place 2^-24
    const float shifted = magnitude + 0.5f;
    return static_cast<std::uint16_t>(sign |
                                      (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f)));
  }
  const std::uint32_t m = (bits & 0x7fffffff) - (112u << 23);
  return static_cast<std::uint16_t>(sign | (m + 0xfff + ((m >> 13) & 1)) >> 13);
}

/// Rounds to nearest with 10 bits after the point; ties away from zero (cvt.rna).
inline float round_to_tf32(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if ((bits & 0x7f800000) == 0x7f800000) return v;  // infinite, NaN
  return std::bit_cast<float>((bits + 0x1000) & 0xffffe000);
}

/// The value that a tensor core reads from a float operand as tf32: the last 13 bits are ignored.
inline float truncate_to_tf32(std::uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000); }

}  // namespace host_cuda

// SPDX-License-Identifier: MIT
// Precision of matrix products.
#pragma once

#include <rondo/version.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace rondo::inline RONDO_ABI {

/// Format to which both operands of a recurrent layer's matrix products are rounded. Sums are accumulated in float, and
/// weights, states and gradients are stored as float; so are activations, but on a GPU those that bf16 and fp16 save
/// for the backward pass have 16 bits. A layer of double is never rounded, nor is one on a device without the format
/// (tf32 and fp16 on the CPU; bf16 without AVX2). On the CPU bf16 is faster than fp32 with AVX512-BF16, and as fast
/// with AVX2.
enum class Precision {
  fp32,  ///< no rounding
  tf32,  ///< 11 bits of mantissa; GPU only
  bf16,  ///< 8 bits of mantissa
  fp16   ///< 11 bits of mantissa, smallest positive number 6e-8; GPU only
};

/// All precisions, in the order of the enumeration.
inline constexpr std::array kPrecisions{Precision::fp32, Precision::tf32, Precision::bf16, Precision::fp16};

/// Name of a precision: "fp32", "tf32", "bf16" or "fp16".
constexpr const char* name(Precision precision) {
  constexpr std::array<const char*, kPrecisions.size()> kNames{"fp32", "tf32", "bf16", "fp16"};
  return kNames[static_cast<std::size_t>(precision)];
}

/// The precision of this name; nullopt if there is none.
constexpr std::optional<Precision> precision_named(std::string_view text) {
  for (const Precision precision : kPrecisions)
    if (text == name(precision)) return precision;
  return std::nullopt;
}

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Precision of matrix products.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// Format to which both operands of a recurrent layer's matrix products are rounded. Sums are accumulated in float, and
/// weights, states, gates and gradients are stored as float. A layer of double is never rounded, nor is one on a device
/// without the format (tf32 and fp16 on the CPU; bf16 without AVX2). On the CPU bf16 is faster than fp32 with
/// AVX512-BF16, and as fast with AVX2.
enum class Precision {
  fp32,    ///< no rounding
  tf32,    ///< 11 bits of mantissa; GPU only
  tf32x3,  ///< each operand is split in two tf32 parts, which is close to fp32 on tensor cores; GPU only
  bf16,    ///< 8 bits of mantissa
  fp16     ///< 11 bits of mantissa, smallest positive number 6e-8; GPU only
};

}  // namespace rondo::inline RONDO_ABI

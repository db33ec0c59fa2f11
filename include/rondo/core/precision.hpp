// SPDX-License-Identifier: MIT
// In what numbers matrix products are computed.
#pragma once

#include <rondo/version.hpp>

namespace rondo::inline RONDO_ABI {

/// What both factors of a recurrent layer's matrix products are rounded to; they are summed in float, and weights,
/// states, gates and gradients stay floats throughout. `fp32`: nothing is rounded. `bf16`: 8 bits of mantissa. On a GPU
/// also `tf32` (11 bits), `fp16` (11 bits, least number 6e-8), and `tf32x3`, which splits each factor in two tf32 parts
/// and so comes close to fp32 on the tensor cores. Of doubles, of what a device has not (tf32 and fp16 on the CPU; bf16
/// below AVX2), nothing is rounded.
enum class Precision { fp32, tf32, tf32x3, bf16, fp16 };

}  // namespace rondo::inline RONDO_ABI

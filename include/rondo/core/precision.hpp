// SPDX-License-Identifier: MIT
// In what numbers matrix products are computed.
#pragma once

namespace rondo::inline v0 {

/// `fp32`: floats throughout. `bf16`: both factors of the LSTM's matrix products are rounded to bfloat16 (8 bits of
/// mantissa) and their products summed in float; weights, states, gates and gradients stay floats. Of doubles, and
/// where the CPU has not at least AVX2, bf16 asks for nothing.
enum class Precision { fp32, bf16 };

}  // namespace rondo::inline v0

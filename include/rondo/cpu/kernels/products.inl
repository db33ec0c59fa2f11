// SPDX-License-Identifier: MIT
// The product of floats: no include guard, no includes. Needs vector.inl.
//
// A product multiplies packed elements (kernel_arguments.hpp). A precision P says how values are packed, P::Product how
// they are multiplied: kernels that multiply are compiled once for each product. A level with an instruction for pairs
// of bfloat16 has a second product; on other levels Precision::bf16 multiplies rounded floats, with the same bits.

/// A packed element is one float.
struct Fp32 {
  using Product = Fp32;
  static constexpr long kValues = 1;  // per packed element
  [[gnu::always_inline]] static Vector broadcast_packed(Packed element) { return broadcast(element); }
  [[gnu::always_inline]] static Vector multiply_add_packed(Vector a, Vector b, Vector c) {
    return multiply_add(a, b, c);
  }
};

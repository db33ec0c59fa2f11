// SPDX-License-Identifier: MIT
// The two types of product of the kernels: no include guard, no includes. Needs vector.inl, bf16.inl and the level's
// `dot_pairs(a, b, c)`. A product multiplies packed elements.

/// A packed element is one float.
struct Fp32 {
  using Packed = float;
  static long packed_depth(long depth) { return depth; }
  [[gnu::always_inline]] static Vector broadcast_packed(Packed word) { return broadcast(word); }
  [[gnu::always_inline]] static Vector multiply_add_packed(Vector a, Vector b, Vector c) {
    return multiply_add(a, b, c);
  }
};

/// A packed element is two bfloat16, the first in the low half: c + a0 b0 + a1 b1 in float.
struct Bf16 {
  using Packed = std::uint32_t;
  static long packed_depth(long depth) { return (depth + 1) / 2; }
  [[gnu::always_inline]] static Vector broadcast_packed(Packed word) {
    return reinterpret_cast<Vector>(static_cast<std::int32_t>(word) - IntVector{});
  }
  [[gnu::always_inline]] static Vector multiply_add_packed(Vector a, Vector b, Vector c) { return dot_pairs(a, b, c); }
};

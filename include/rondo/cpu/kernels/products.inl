// SPDX-License-Identifier: MIT
// The two products that kernels are made for: no include guard, no includes. Needs vector.inl, bf16.inl and the level's
// `dot_pairs(a, b, c)`. What a product multiplies is a word.

/// One float a word.
struct Fp32 {
  using Word = float;
  static long words(long depth) { return depth; }
  [[gnu::always_inline]] static Vector spread_word(Word word) { return spread(word); }
  [[gnu::always_inline]] static Vector multiply_add_words(Vector a, Vector b, Vector c) {
    return multiply_add(a, b, c);
  }
};

/// Two bfloat16 a word, the first in the low half: c + a0 b0 + a1 b1 in float.
struct Bf16 {
  using Word = std::uint32_t;
  static long words(long depth) { return (depth + 1) / 2; }
  [[gnu::always_inline]] static Vector spread_word(Word word) {
    return reinterpret_cast<Vector>(static_cast<std::int32_t>(word) - IntVector{});
  }
  [[gnu::always_inline]] static Vector multiply_add_words(Vector a, Vector b, Vector c) { return dot_pairs(a, b, c); }
};

// SPDX-License-Identifier: MIT
// Instructions of AVX-512: see avx2.inl. Masked forms that use all lanes: GCC 12 warns of the others, whose undefined
// operand it takes for a variable without a value.

typedef float Vector __attribute__((vector_size(64)));
typedef std::uint64_t WideVector __attribute__((vector_size(64)));
inline constexpr int kTileColumns = 6;  // 31 of 32 registers: 4 x 6 accumulators, 6 for B, 1 for A

[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm512_maskz_min_ps(0xffff, a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm512_maskz_max_ps(0xffff, a, b); }
[[gnu::always_inline]] inline Vector square_root(Vector v) { return _mm512_maskz_sqrt_ps(0xffff, v); }

[[gnu::always_inline]] inline WideVector multiply_words(WideVector a, WideVector b) {
  return reinterpret_cast<WideVector>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}

[[gnu::always_inline]] inline __mmask16 first_floats(long count) {
  return static_cast<__mmask16>((1u << static_cast<unsigned>(count)) - 1u);
}
[[gnu::always_inline]] inline Vector load_partial(const float* p, long count) {
  return _mm512_maskz_loadu_ps(first_floats(count), p);
}
[[gnu::always_inline]] inline void store_partial(float* p, Vector v, long count) {
  _mm512_mask_storeu_ps(p, first_floats(count), v);
}

// SPDX-License-Identifier: MIT
// Instructions of AVX2 and FMA: no include guard, no includes. Each file of this folder defines the same names.

typedef float Vector __attribute__((vector_size(32)));
typedef std::uint64_t WideVector __attribute__((vector_size(32)));
inline constexpr int kTileColumns = 3;  // 16 registers: 4 x 3 accumulators, 3 for B, 1 for A

/// a * b + c, rounded once.
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
/// Both return b where an operand is NaN.
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return _mm256_min_ps(a, b); }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
[[gnu::always_inline]] inline Vector square_root(Vector v) { return _mm256_sqrt_ps(v); }

/// The 64-bit products of the lanes' low halves.
[[gnu::always_inline]] inline WideVector multiply_words(WideVector a, WideVector b) {
  return reinterpret_cast<WideVector>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}

/// Loads the first `count` floats at p, with zeros in the other lanes; and the matching store. Neither accesses memory
/// past them.
[[gnu::always_inline]] inline __m256i first_floats(long count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
[[gnu::always_inline]] inline Vector load_partial(const float* p, long count) {
  return _mm256_maskload_ps(p, first_floats(count));
}
[[gnu::always_inline]] inline void store_partial(float* p, Vector v, long count) {
  _mm256_maskstore_ps(p, first_floats(count), v);
}

// SPDX-License-Identifier: MIT
// Instructions of NEON on 64-bit Arm: see avx2.inl.

typedef float Vector __attribute__((vector_size(16)));
typedef std::uint64_t WideVector __attribute__((vector_size(16)));
inline constexpr int kTileColumns = 6;  // 31 of 32 registers: 4 x 6 accumulators, 6 for B, 1 for A

[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) {
  return reinterpret_cast<Vector>(
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
}
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return a < b ? a : b; }  // FMIN would return NaN
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }
[[gnu::always_inline]] inline Vector square_root(Vector v) {
  return reinterpret_cast<Vector>(vsqrtq_f32(reinterpret_cast<float32x4_t>(v)));
}

[[gnu::always_inline]] inline WideVector multiply_words(WideVector a, WideVector b) {
  return reinterpret_cast<WideVector>(
      vmull_u32(vmovn_u64(reinterpret_cast<uint64x2_t>(a)), vmovn_u64(reinterpret_cast<uint64x2_t>(b))));
}

[[gnu::always_inline]] inline Vector load_partial(const float* p, long count) {
  Vector v{};
  for (long i = 0; i < count && i < 4; ++i) v[i] = p[i];
  return v;
}
[[gnu::always_inline]] inline void store_partial(float* p, Vector v, long count) {
  for (long i = 0; i < count && i < 4; ++i) p[i] = v[i];
}

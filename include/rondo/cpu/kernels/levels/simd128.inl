// SPDX-License-Identifier: MIT
// Instructions of WebAssembly's 128-bit vectors: see avx2.inl. They have no fused multiply-add.

typedef float Vector __attribute__((vector_size(16)));
typedef std::uint64_t WideVector __attribute__((vector_size(16)));
inline constexpr int kTileColumns = 3;  // browsers have 16 registers on x86: 4 x 3 accumulators, 3 for B, 1 for A

/// a * b + c, rounded twice.
[[gnu::always_inline]] inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
[[gnu::always_inline]] inline Vector minimum(Vector a, Vector b) { return a < b ? a : b; }
[[gnu::always_inline]] inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }
[[gnu::always_inline]] inline Vector square_root(Vector v) { return __builtin_wasm_sqrt_f32x4(v); }

[[gnu::always_inline]] inline WideVector multiply_words(WideVector a, WideVector b) {
  return (a & 0xffffffffu) * (b & 0xffffffffu);
}

[[gnu::always_inline]] inline Vector load_partial(const float* p, long count) {
  Vector v{};
  for (long i = 0; i < count && i < 4; ++i) v[i] = p[i];
  return v;
}
[[gnu::always_inline]] inline void store_partial(float* p, Vector v, long count) {
  for (long i = 0; i < count && i < 4; ++i) p[i] = v[i];
}

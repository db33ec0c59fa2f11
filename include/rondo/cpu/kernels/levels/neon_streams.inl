// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, NEON: no include guard, no includes. Each
// level has the same names. Needs kernels/vector.inl.

struct RationalTanh;            // stream_functions.inl
using FastTanh = RationalTanh;  // the tanh of Math::fast

[[gnu::always_inline]] inline Vector clamp_magnitude(Vector x, float limit) { return clamp(x, limit); }

[[gnu::always_inline]] inline Vector divide_unless_nan(Vector, Vector a, Vector b) { return a / b; }

template <int kBy>
[[gnu::always_inline]] inline Vector rotate_in_groups(Vector v) {
  return __builtin_shufflevector(v, v, kBy, (kBy + 1) % 4, (kBy + 2) % 4, (kBy + 3) % 4);
}

// A register is one group.
template <int kGroups, int kBy>
[[gnu::always_inline]] inline Vector rotate_groups(Vector v) {
  static_assert(kGroups == 1 && kBy == 0);
  return v;
}
template <int kParts, int kPart>
[[gnu::always_inline]] inline Vector repeat_part(Vector v) {
  static_assert(kParts == 1 && kPart == 0);
  return v;
}

[[gnu::always_inline]] inline float sum_of_lanes(Vector v) { return (v[0] + v[2]) + (v[1] + v[3]); }

[[gnu::always_inline]] inline Vector opaque(Vector v) {
  asm volatile("" : "+w"(v));
  return v;
}

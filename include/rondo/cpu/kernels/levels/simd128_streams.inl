// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, WebAssembly: no include guard, no includes. Each
// level has the same names. Needs kernels/vector.inl.

struct ExactRationalTanh;  // stream_functions.inl
struct FastRationalTanh;
using ExactTanh = ExactRationalTanh;  // the tanh of Math::exact
using FastTanh = FastRationalTanh;    // and of Math::fast

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

[[gnu::always_inline]] inline Vector opaque(Vector v) { return v; }

/// Products of int8 and 16-bit integers: one k at a time, weights widened to 16 bits.
struct Int8 {
  static constexpr long kGroup = 1;
  static constexpr int kOffset = 0;

  [[gnu::always_inline]] static void store(std::int16_t* to, long, long k, UintVector integers) {
    *reinterpret_cast<UnalignedHalfVector*>(to + k) = __builtin_convertvector(integers, HalfVector);
  }
  static void multiply(const unsigned char* weights, const std::int16_t* v, long depth, std::uint32_t,
                       UintVector (&sums)[4]) {
    typedef std::int8_t Weights __attribute__((vector_size(4)));
    IntVector sum[4] = {};
    for (long k = 0; k < depth; ++k)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, weights += 4) {
        Weights w;
        std::memcpy(&w, weights, sizeof w);
        sum[q] += __builtin_convertvector(w, IntVector) * static_cast<std::int32_t>(v[k]);
      }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = reinterpret_cast<UintVector>(sum[q]);
  }
};

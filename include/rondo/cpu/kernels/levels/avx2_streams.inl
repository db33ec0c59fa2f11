// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, AVX2: no include guard, no includes. Each
// level has the same names. Needs kernels/vector.inl.

struct ExactRationalTanh;  // stream_functions.inl
struct FastRationalTanh;
using ExactTanh = ExactRationalTanh;  // the tanh of Math::exact
using FastTanh = FastRationalTanh;    // and of Math::fast

/// x within +-limit; NaN stays NaN, or is +-limit.
[[gnu::always_inline]] inline Vector clamp_magnitude(Vector x, float limit) { return clamp(x, limit); }

/// a / b; NaN where x is NaN, from which a and b were computed.
[[gnu::always_inline]] inline Vector divide_unless_nan(Vector, Vector a, Vector b) { return a / b; }

/// Moves lane (l + kBy) % 4 of each group of four lanes to lane l.
template <int kBy>
[[gnu::always_inline]] inline Vector rotate_in_groups(Vector v) {
  if constexpr (kBy == 0)
    return v;
  else
    return _mm256_permute_ps(v, kBy == 1 ? 0x39 : kBy == 2 ? 0x4E : 0x93);
}

/// Moves group (g + kBy) % kGroups of four lanes to group g; repeated if the register has more groups.
template <int kGroups, int kBy>
[[gnu::always_inline]] inline Vector rotate_groups(Vector v) {
  if constexpr (kBy == 0)
    return v;
  else
    return _mm256_permute2f128_ps(v, v, 1);
}

/// Part kPart of kParts of a register, repeated in all its parts.
template <int kParts, int kPart>
[[gnu::always_inline]] inline Vector repeat_part(Vector v) {
  if constexpr (kParts == 1)
    return v;
  else
    return _mm256_permute2f128_ps(v, v, kPart * 0x11);
}

/// The sum of all lanes.
[[gnu::always_inline]] inline float sum_of_lanes(Vector v) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  sum = _mm_add_ps(sum, _mm_permute_ps(sum, 0x4E));
  return _mm_cvtss_f32(_mm_add_ps(sum, _mm_permute_ps(sum, 0x39)));
}

/// v, of which the compiler knows nothing: it recomputes what depends on it instead of keeping it in registers.
[[gnu::always_inline]] inline Vector opaque(Vector v) {
  asm volatile("" : "+v"(v));
  return v;
}

/// Products of int8 and 16-bit integers: pairs of k, each row's weights widened to 16 bits.
struct Int8 {
  static constexpr long kGroup = 2;
  static constexpr int kOffset = 0;

  [[gnu::always_inline]] static void store(std::int16_t* to, long, long k, UintVector integers) {
    *reinterpret_cast<UnalignedHalfVector*>(to + k) = __builtin_convertvector(integers, HalfVector);
  }
  static void multiply(const unsigned char* weights, const std::int16_t* v, long depth, std::uint32_t,
                       UintVector (&sums)[4]) {
    __m256i sum[4] = {};
    for (long k = 0; k < depth; k += 2) {
      std::int32_t pair;
      std::memcpy(&pair, v + k, sizeof(pair));
      const __m256i values = _mm256_set1_epi32(pair);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, weights += 16) {
        const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights)));
        sum[q] = _mm256_add_epi32(sum[q], _mm256_madd_epi16(wide, values));
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = reinterpret_cast<UintVector>(sum[q]);
  }
};

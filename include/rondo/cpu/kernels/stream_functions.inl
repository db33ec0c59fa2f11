// SPDX-License-Identifier: MIT
// Nonlinearities and rearrangements of a register for streaming kernels, for every level: no include guard, no
// includes. Needs kernels/vector.inl.

/// x within +-limit. With 64-byte registers one instruction, for which NaN is +-limit.
template <class V>
[[gnu::always_inline]] inline V clamp_magnitude(V x, float limit) {
  if constexpr (sizeof(V) == 64)
    return _mm512_maskz_range_ps(0xffff, x, limit - V{}, 2);
  else
    return clamp(x, limit);
}

/// a / b and a * b; NaN where x is NaN.
template <class V>
[[gnu::always_inline]] inline V divide_unless_nan(V x, V a, V b) {
  if constexpr (sizeof(V) == 64)
    return _mm512_mask_div_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), a, b);
  else
    return a / b;
}
template <class V>
[[gnu::always_inline]] inline V multiply_unless_nan(V x, V a, V b) {
  return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), a, b);
}

/// tanh by a rational function x P(x^2) / Q(x^2), fitted by minimax on [0, 8.3] and constant beyond. The fit's absolute
/// error is 1e-8; in float the largest is 4e-7, five units in the last place of numbers below 1. NaN stays NaN.
struct ExactTanh {
  template <class V>
  [[gnu::always_inline]] V operator()(V v) const {
    const V x = clamp_magnitude(v, 8.3f), u = x * x, u2 = u * u;
    const V p = multiply_add(u2,
                             multiply_add(u2, broadcast(1.447687748e-08f),
                                          multiply_add(u, broadcast(2.138091986e-05f), broadcast(3.541194135e-03f))),
                             multiply_add(u, broadcast(1.341906488e-01f), broadcast(9.999999404e-01f)));
    const V q = multiply_add(u2,
                             multiply_add(u2, broadcast(8.223911436e-07f),
                                          multiply_add(u, broadcast(3.361075069e-04f), broadcast(2.604933828e-02f))),
                             multiply_add(u, broadcast(4.675238132e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// Coefficients of a cubic in r = x - k/2, for the segment of width 1/2 around k/2, k = 0 .. 15. Minimax fits of tanh,
/// which reach 1 at 7.875.
inline constexpr float kTanhSegments[4][16] = {
    {0, 4.6203905e-01f, 7.615803e-01f, 9.051601e-01f, 9.640363e-01f, 9.866183e-01f, 9.9505633e-01f, 9.981785e-01f,
     9.993295e-01f, 9.997533e-01f, 9.999092e-01f, 9.999666e-01f, 9.999877e-01f, 9.9999547e-01f, 9.9999833e-01f,
     9.999994e-01f},
    {9.998428e-01f, 7.864956e-01f, 4.200635e-01f, 1.8071252e-01f, 7.0641614e-02f, 2.6586631e-02f, 9.863639e-03f,
     3.6399544e-03f, 1.3406018e-03f, 4.9338816e-04f, 1.8153555e-04f, 6.678702e-05f, 2.4570087e-05f, 9.038899e-06f,
     3.325235e-06f, 1.9071366e-06f},
    {0, -3.533345e-01f, -3.1806272e-01f, -1.6509855e-01f, -6.9227755e-02f, -2.6741808e-02f, -1.00170635e-02f,
     -3.7096904e-03f, -1.3680684e-03f, -5.037384e-04f, -1.8537653e-04f, -6.8204536e-05f, -2.5092175e-05f,
     -9.231047e-06f, -3.3959334e-06f, 7.257195e-07f},
    {-3.2318652e-01f, -9.6560255e-02f, 9.929434e-02f, 8.7540336e-02f, 4.2552598e-02f, 1.7289415e-02f, 6.5949233e-03f,
     2.4585617e-03f, 9.0887735e-04f, 3.3495764e-04f, 1.2330536e-04f, 4.5372522e-05f, 1.6693108e-05f, 6.1412534e-06f,
     2.259268e-06f, -2.1941437e-06f}};

/// tanh within 7.9e-5, by cubics whose coefficients are looked up in registers: segment k of 32, negative k last.
template <class V>
struct TanhTable {
  V table[4][2];

  [[gnu::always_inline]] TanhTable() {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      table[j][0] = load(kTanhSegments[j]);
      const V reversed = _mm512_maskz_permutexvar_ps(
          0xfffe, _mm512_set_epi32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0), table[j][0]);
      table[j][1] = j % 2 == 0 ? -reversed : reversed;  // tanh is odd
    }
  }
  [[gnu::always_inline]] V operator()(V v) const {
    const V magic = broadcast(6291456);  // 1.5 * 2^22, whose last bit is 1/2: the sum ends in the segment's number
    const V x = clamp_magnitude(v, 7.7499995f), shifted = x + magic, r = x - (shifted - magic);
    const __m512i segment = _mm512_castps_si512(shifted);
    V c[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) c[j] = _mm512_permutex2var_ps(table[j][0], segment, table[j][1]);
    return multiply_add(multiply_unless_nan(v, r, r), multiply_add(c[3], r, c[2]), multiply_add(c[1], r, c[0]));
  }
};

/// tanh within 3.2e-5, by a rational function of lower degree, fitted on [0, 5.6]: 4e-6 there, constant beyond.
struct RationalTanh {
  template <class V>
  [[gnu::always_inline]] V operator()(V v) const {
    const V x = clamp_magnitude(v, 5.6f), u = x * x;
    const V p = multiply_add(u, multiply_add(u, broadcast(1.546063406e-03f), broadcast(1.152589334e-01f)),
                             broadcast(9.999816448e-01f));
    const V q = multiply_add(u * u, multiply_add(u, broadcast(5.841562504e-05f), broadcast(1.778374977e-02f)),
                             multiply_add(u, broadcast(4.485308970e-01f), broadcast(1)));
    return divide_unless_nan(v, x * p, q);
  }
};

/// The tanh of Math::fast.
template <class V>
using FastTanh = std::conditional_t<sizeof(V) == 64, TanhTable<V>, RationalTanh>;

/// Moves lane (l + kBy) % 4 of each group of four lanes to lane l.
template <int kBy, class V>
[[gnu::always_inline]] inline V rotate_in_groups(V v) {
  constexpr int kOrder = kBy == 1 ? 0x39 : kBy == 2 ? 0x4E : 0x93;
  if constexpr (kBy == 0)
    return v;
  else if constexpr (sizeof(V) == 64)
    return _mm512_maskz_permute_ps(0xffff, v, kOrder);
  else
    return _mm256_permute_ps(v, kOrder);
}

/// Moves group (g + kBy) % kGroups of four lanes to group g; repeated if the register has more groups.
template <int kGroups, int kBy, class V>
[[gnu::always_inline]] inline V rotate_groups(V v) {
  if constexpr (kBy == 0) {
    return v;
  } else if constexpr (sizeof(V) == 64) {
    constexpr int kOrder = kGroups == 4   ? (kBy == 1   ? 0x39
                                             : kBy == 2 ? 0x4E
                                                        : 0x93)
                           : kGroups == 3 ? (kBy == 1 ? 0xC9 : 0xD2)
                                          : 0xB1;
    return _mm512_maskz_shuffle_f32x4(0xffff, v, v, kOrder);
  } else {
    return _mm256_permute2f128_ps(v, v, 1);
  }
}

/// Part kPart of kParts of a register, repeated in all its parts.
template <int kParts, int kPart, class V>
[[gnu::always_inline]] inline V repeat_part(V v) {
  if constexpr (kParts == 1) {
    return v;
  } else if constexpr (sizeof(V) == 64) {
    constexpr int kOrder = kParts == 4 ? kPart * 0x55 : kPart == 0 ? 0x44 : 0xEE;
    return _mm512_maskz_shuffle_f32x4(0xffff, v, v, kOrder);
  } else {
    return _mm256_permute2f128_ps(v, v, kPart * 0x11);
  }
}

/// The sum of all lanes.
template <class V>
[[gnu::always_inline]] inline float sum_of_lanes(V v) {
  __m256 halves;
  if constexpr (sizeof(V) == 64)
    halves = _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, v, 0), _mm512_maskz_extractf32x8_ps(0xff, v, 1));
  else
    halves = v;
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
  sum = _mm_add_ps(sum, _mm_permute_ps(sum, 0x4E));
  return _mm_cvtss_f32(_mm_add_ps(sum, _mm_permute_ps(sum, 0x39)));
}

/// `value`, or zero where |v| < kFlushThreshold; kept where v is NaN. Not on the path from v to what depends on it.
[[gnu::always_inline]] inline Vector zero_if_small(Vector v, Vector value) {
  return v * v < broadcast(kFlushThreshold * kFlushThreshold) ? Vector{} : value;
}

/// Inputs. Infinity becomes the largest number: its product with a weight of zero, in an unused lane or block, is then
/// zero and not NaN. What is smaller than kFlushThreshold becomes zero.
[[gnu::always_inline]] inline Vector bounded_input(Vector x) {
  return zero_if_small(x, clamp(x, std::numeric_limits<float>::max()));
}
[[gnu::always_inline]] inline Vector broadcast_input(float value) { return bounded_input(broadcast(value)); }

/// v, of which the compiler knows nothing: it recomputes what depends on it instead of keeping it in registers.
[[gnu::always_inline]] inline Vector opaque(Vector v) {
  asm volatile("" : "+v"(v));
  return v;
}

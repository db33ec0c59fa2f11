// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, AVX-512: no include guard, no includes. Each
// level has the same names. Needs kernels/vector.inl.

/// x within +-limit, where NaN is +-limit: one instruction.
[[gnu::always_inline]] inline Vector clamp_magnitude(Vector x, float limit) {
  return _mm512_maskz_range_ps(0xffff, x, limit - Vector{}, 2);
}

/// a / b and a * b; NaN where x is NaN.
[[gnu::always_inline]] inline Vector divide_unless_nan(Vector x, Vector a, Vector b) {
  return _mm512_mask_div_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), a, b);
}
[[gnu::always_inline]] inline Vector multiply_unless_nan(Vector x, Vector a, Vector b) {
  return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), a, b);
}

template <int kBy>
[[gnu::always_inline]] inline Vector rotate_in_groups(Vector v) {
  if constexpr (kBy == 0)
    return v;
  else
    return _mm512_maskz_permute_ps(0xffff, v, kBy == 1 ? 0x39 : kBy == 2 ? 0x4E : 0x93);
}

template <int kGroups, int kBy>
[[gnu::always_inline]] inline Vector rotate_groups(Vector v) {
  if constexpr (kBy == 0) {
    return v;
  } else {
    constexpr int kOrder = kGroups == 4   ? (kBy == 1   ? 0x39
                                             : kBy == 2 ? 0x4E
                                                        : 0x93)
                           : kGroups == 3 ? (kBy == 1 ? 0xC9 : 0xD2)
                                          : 0xB1;
    return _mm512_maskz_shuffle_f32x4(0xffff, v, v, kOrder);
  }
}

template <int kParts, int kPart>
[[gnu::always_inline]] inline Vector repeat_part(Vector v) {
  if constexpr (kParts == 1)
    return v;
  else
    return _mm512_maskz_shuffle_f32x4(0xffff, v, v, kParts == 4 ? kPart * 0x55 : kPart == 0 ? 0x44 : 0xEE);
}

[[gnu::always_inline]] inline float sum_of_lanes(Vector v) {
  const __m256 halves =
      _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, v, 0), _mm512_maskz_extractf32x8_ps(0xff, v, 1));
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
  sum = _mm_add_ps(sum, _mm_permute_ps(sum, 0x4E));
  return _mm_cvtss_f32(_mm_add_ps(sum, _mm_permute_ps(sum, 0x39)));
}

[[gnu::always_inline]] inline Vector opaque(Vector v) {
  asm volatile("" : "+v"(v));
  return v;
}

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
struct TanhTable {
  Vector table[4][2];

  [[gnu::always_inline]] TanhTable() {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      table[j][0] = load(kTanhSegments[j]);
      const Vector reversed = _mm512_maskz_permutexvar_ps(
          0xfffe, _mm512_set_epi32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0), table[j][0]);
      table[j][1] = j % 2 == 0 ? -reversed : reversed;  // tanh is odd
    }
  }
  [[gnu::always_inline]] Vector operator()(Vector v) const {
    const Vector magic = broadcast(6291456);  // 1.5 * 2^22, whose last bit is 1/2: the sum ends in the segment's number
    const Vector x = clamp_magnitude(v, 7.7499995f), shifted = x + magic, r = x - (shifted - magic);
    const __m512i segment = _mm512_castps_si512(shifted);
    Vector c[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) c[j] = _mm512_permutex2var_ps(table[j][0], segment, table[j][1]);
    return multiply_add(multiply_unless_nan(v, r, r), multiply_add(c[3], r, c[2]), multiply_add(c[1], r, c[0]));
  }
  template <class V>  // Registers
  [[gnu::always_inline]] V operator()(const V& v) const {
    V result;
#pragma GCC unroll 8
    for (Vector& x : result.v) x = (*this)(v.v[&x - result.v]);
    return result;
  }
};

using FastTanh = TanhTable;  // the tanh of Math::fast

/// Products of int8 and 16-bit integers by AVX512-VNNI: an instruction multiplies four unsigned bytes of a row by four
/// signed ones. The integers of v have two bytes, 256 high + low, and the weights are w + 128. The instruction is
/// written as such: with the intrinsic, GCC 12 copies each sum twice, 3 to 8 % of the time.
struct Int8 {
  static constexpr long kGroup = 4;
  static constexpr int kOffset = 128;
  typedef std::uint8_t Bytes __attribute__((vector_size(16)));
  typedef std::uint8_t UnalignedBytes __attribute__((vector_size(16), aligned(1), may_alias));

  static long high_bytes(long depth) { return (depth + kLanes - 1) / kLanes * kLanes; }

  [[gnu::always_inline]] static void store(std::int16_t* to, long depth, long k, UintVector integers) {
    std::uint8_t* const bytes = reinterpret_cast<std::uint8_t*>(to) + k;
    *reinterpret_cast<UnalignedBytes*>(bytes) = __builtin_convertvector(integers, Bytes);
    *reinterpret_cast<UnalignedBytes*>(bytes + high_bytes(depth)) =
        __builtin_convertvector((integers + 128u) >> 8, Bytes);
  }
  [[gnu::always_inline]] static void add(UintVector& sum, Vector w, Vector v) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(v));
  }
  static void multiply(const unsigned char* weights, const std::int16_t* v, long depth, std::uint32_t sum_of_v,
                       UintVector (&sums)[4]) {
    const char* const low = reinterpret_cast<const char*>(v);
    const char* const high = low + high_bytes(depth);
    UintVector of_low[4] = {}, of_high[4] = {};
    for (long k = 0; k < depth; k += 4) {
      float bytes[2];
      std::memcpy(&bytes[0], low + k, 4);
      std::memcpy(&bytes[1], high + k, 4);
      const Vector low_v = _mm512_set1_ps(bytes[0]), high_v = _mm512_set1_ps(bytes[1]);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, weights += 64) {
        const Vector w = load(weights);
        add(of_low[q], w, low_v);
        add(of_high[q], w, high_v);
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = (of_high[q] << 8) + of_low[q] - 128u * sum_of_v;
  }
};

// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, AVX-512: no include guard, no includes. Each
// level has the same names. Needs kernels/vector.inl.

/// x within +-limit, where NaN is +-limit: one instruction.
[[gnu::always_inline]] inline Vector clamp_magnitude(Vector x, float limit) {
  return _mm512_maskz_range_ps(0xffff, x, limit - Vector{}, 2);
}

/// a / b; NaN where x is NaN.
[[gnu::always_inline]] inline Vector divide_unless_nan(Vector x, Vector a, Vector b) {
  return _mm512_mask_div_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), a, b);
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

/// Coefficients of a cubic in r = |x| - k/2, for the segment of width 1/2 around k/2, k = 0 .. 15. Minimax fits of
/// tanh, which reach 1 at 7.875.
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

/// Coefficients of a quartic in r = |x| - k/4, for the segment of width 1/4 around k/4, k = 0 .. 31. Minimax fits of
/// the relative error below 0.65 and of the absolute one beyond; at 7.875 half of the distance to 1 is left.
inline constexpr float kTanhNarrowSegments[5][32] = {
    {0,
     0.24491857f,
     0.462117165f,
     0.635148942f,
     0.761594176f,
     0.848283648f,
     0.905148268f,
     0.941375554f,
     0.964027584f,
     0.978026092f,
     0.986614287f,
     0.991859734f,
     0.995054781f,
     0.996997654f,
     0.998177886f,
     0.998894453f,
     0.999329329f,
     0.999593139f,
     0.999753237f,
     0.999850333f,
     0.999909222f,
     0.999944925f,
     0.999966621f,
     0.999979734f,
     0.999987721f,
     0.999992549f,
     0.99999547f,
     0.999997258f,
     0.999998331f,
     0.999998987f,
     0.999999404f,
     0.999999642f},
    {0.999999762f,    0.940009654f,    0.78644979f,     0.596590638f,    0.419977874f,    0.28041634f,
     0.180706844f,    0.113811821f,    0.0706504583f,   0.0434646159f,   0.0265920088f,   0.0162141416f,
     0.00986594427f,  0.00599565636f,  0.00364084868f,  0.00220987014f,  0.0013409371f,   0.000813534134f,
     0.000493512372f, 0.000299359468f, 0.000181581388f, 0.000110138608f, 6.6803892e-05f,  4.05191422e-05f,
     2.45762967e-05f, 1.49063499e-05f, 9.04118497e-06f, 5.48376556e-06f, 3.32607533e-06f, 2.01736816e-06f,
     1.22359609e-06f, 1.03114473e-06f},
    {6.37630001e-05f,  -0.230176598f,    -0.363426566f,    -0.378920615f,    -0.319853723f,    -0.237874359f,
     -0.163567707f,    -0.107140318f,    -0.0681093112f,   -0.0425096788f,   -0.0262361281f,   -0.01608219f,
     -0.00981717277f,  -0.00597766554f,  -0.00363422022f,  -0.00220743031f,  -0.00134003966f,  -0.000813204271f,
     -0.000493391301f, -0.000299315056f, -0.000181565149f, -0.000110132692f, -6.68017528e-05f, -4.05183746e-05f,
     -2.45760275e-05f, -1.49062589e-05f, -9.04115586e-06f, -5.48375783e-06f, -3.32607442e-06f, -2.01736884e-06f,
     -1.223597e-06f,   2.72580269e-06f},
    {-0.33589375f,    -0.255570143f,   -0.0947243348f,  0.0405657813f,   0.102700949f,    0.107934482f,
     0.0877631977f,   0.0629930571f,   0.0422021747f,   0.0271652751f,   0.017076835f,    0.0105838282f,
     0.00650385767f,  0.00397613039f,  0.00242323708f,  0.00147404603f,  0.000895631209f, 0.000543808623f,
     0.000330050476f, 0.000200264432f, 0.000121495475f, 7.37013906e-05f, 4.47060738e-05f, 2.71170466e-05f,
     1.64478497e-05f, 9.97632105e-06f, 6.0510165e-06f,  3.67015332e-06f, 2.22607036e-06f, 1.35018354e-06f,
     8.18929152e-07f, 1.89924504e-05f},
    {0.0329652168f,    0.135423377f,     0.163655847f,     0.0997188911f,    0.0282256864f,    -0.0121728992f,
     -0.0247704349f,   -0.0234649219f,   -0.0178952459f,   -0.0123423431f,   -0.00806739554f,  -0.00511491159f,
     -0.00318575697f,  -0.00196335441f,  -0.00120236678f,  -0.00073353562f,  -0.00044648489f,  -0.000271386525f,
     -0.000164817742f, -0.000100045618f, -6.07096554e-05f, -3.68329165e-05f, -2.23442112e-05f, -1.3553893e-05f,
     -8.22138099e-06f, -4.9867117e-06f,  -3.02466856e-06f, -1.83458189e-06f, -1.11273994e-06f, -6.74914816e-07f,
     -4.09355295e-07f, 3.67432003e-05f}};

/// Segments of |x|, x a number of at most `limit`. With `magic`, 1.5 * 2^23 times the width of a segment, the last bit
/// of the sum is that width, so that the sum ends in the segment's number. NaN stays NaN in r.
struct TanhSegment {
  __m512i number;
  Vector r;

  [[gnu::always_inline]] TanhSegment(Vector x, float limit, float magic) {
    const Vector magnitude = minimum(broadcast(limit), from_bits(as_bits(x) & 0x7fffffffu));
    const Vector sum = magnitude + broadcast(magic);
    number = _mm512_castps_si512(sum), r = magnitude - (sum - broadcast(magic));
  }
};
[[gnu::always_inline]] inline Vector with_sign_of(Vector x, Vector magnitude) {
  return from_bits(as_bits(magnitude) | (as_bits(x) & 0x80000000u));
}
/// tanh of each of several registers (stream_registers.inl).
template <class Tanh, class V>
[[gnu::always_inline]] inline V tanh_of_each(const Tanh& tanh, const V& v) {
  V result;
#pragma GCC unroll 8
  for (Vector& x : result.v) x = tanh(v.v[&x - result.v]);
  return result;
}

/// tanh within 7.9e-5, by cubics whose coefficients are looked up in registers.
struct CubicTanh {
  Vector table[4];

  [[gnu::always_inline]] CubicTanh() {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) table[j] = load(kTanhSegments[j]);
  }
  [[gnu::always_inline]] Vector operator()(Vector x) const {
    const TanhSegment segment(x, 7.7499995f, 6291456);
    const Vector r = segment.r;
    Vector c[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) c[j] = _mm512_maskz_permutexvar_ps(0xffff, segment.number, table[j]);
    return with_sign_of(x, multiply_add(r * r, multiply_add(c[3], r, c[2]), multiply_add(c[1], r, c[0])));
  }
  template <class V>
  [[gnu::always_inline]] V operator()(const V& v) const {
    return tanh_of_each(*this, v);
  }
};

/// tanh within 2.5e-7, by quartics.
struct QuarticTanh {
  Vector table[5][2];

  [[gnu::always_inline]] QuarticTanh() {
#pragma GCC unroll 10
    for (int j = 0; j < 10; ++j) table[j / 2][j % 2] = load(kTanhNarrowSegments[j / 2] + j % 2 * 16);
  }
  [[gnu::always_inline]] Vector operator()(Vector x) const {
    const TanhSegment segment(x, 7.8749995f, 3145728);
    const Vector r = segment.r, r2 = r * r;
    Vector c[5];
#pragma GCC unroll 5
    for (int j = 0; j < 5; ++j) c[j] = _mm512_permutex2var_ps(table[j][0], segment.number, table[j][1]);
    const Vector high = multiply_add(r2, c[4], multiply_add(c[3], r, c[2]));
    return with_sign_of(x, multiply_add(r2, high, multiply_add(c[1], r, c[0])));
  }
  template <class V>
  [[gnu::always_inline]] V operator()(const V& v) const {
    return tanh_of_each(*this, v);
  }
};

using ExactTanh = QuarticTanh;  // the tanh of Math::exact
using FastTanh = CubicTanh;     // and of Math::fast

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

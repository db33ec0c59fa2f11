// SPDX-License-Identifier: MIT
// Rearrangements and clamps of a register for streaming kernels, NEON: no include guard, no includes. Each
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

[[gnu::always_inline]] inline Vector opaque(Vector v) {
  asm volatile("" : "+w"(v));
  return v;
}

/// Products of int8 and 16-bit integers: one k at a time, weights widened to 16 bits.
struct Int8 {
  static constexpr long kGroup = 1;
  static constexpr int kOffset = 0;

  [[gnu::always_inline]] static void store(std::int16_t* to, long, long k, UintVector integers) {
    *reinterpret_cast<UnalignedHalfVector*>(to + k) = __builtin_convertvector(integers, HalfVector);
  }
  static void multiply(const unsigned char* weights, const std::int16_t* v, long depth, std::uint32_t,
                       UintVector (&sums)[4]) {
    int32x4_t sum[4] = {};
    for (long k = 0; k < depth; ++k, weights += 16) {
      const int8x16_t w = vreinterpretq_s8_u8(vld1q_u8(weights));
      const int16x8_t low = vmovl_s8(vget_low_s8(w)), high = vmovl_s8(vget_high_s8(w));
      const int16x4_t value = vdup_n_s16(v[k]);
      sum[0] = vmlal_s16(sum[0], vget_low_s16(low), value);
      sum[1] = vmlal_s16(sum[1], vget_high_s16(low), value);
      sum[2] = vmlal_s16(sum[2], vget_low_s16(high), value);
      sum[3] = vmlal_s16(sum[3], vget_high_s16(high), value);
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = reinterpret_cast<UintVector>(sum[q]);
  }
};

#if RONDO_ARM_DOT_PRODUCTS
/// As Int8, by dot products of bytes: groups of 4 k, the two bytes of each integer separately, both signed.
struct Int8Dot {
  static constexpr long kGroup = 4;
  static constexpr int kOffset = 0;

  [[gnu::always_inline]] static void store(std::int16_t* to, long depth, long k, UintVector integers) {
    std::int8_t* const bytes = reinterpret_cast<std::int8_t*>(to) + k;
    for (int lane = 0; lane < kLanes; ++lane) {
      bytes[lane] = static_cast<std::int8_t>(integers[lane]);
      bytes[padded(depth) + lane] = static_cast<std::int8_t>((integers[lane] + 128u) >> 8);
    }
  }
  [[gnu::target("arch=armv8.2-a+dotprod")]] static void multiply(const unsigned char* weights, const std::int16_t* v,
                                                                 long depth, std::uint32_t, UintVector (&sums)[4]) {
    const std::int8_t* const low = reinterpret_cast<const std::int8_t*>(v);
    const std::int8_t* const high = low + padded(depth);
    int32x4_t of_low[4] = {}, of_high[4] = {};
    for (long k = 0; k < depth; k += 4) {
      std::int32_t bytes[2];
      std::memcpy(&bytes[0], low + k, 4);
      std::memcpy(&bytes[1], high + k, 4);
      const int8x16_t low_v = vreinterpretq_s8_s32(vdupq_n_s32(bytes[0]));
      const int8x16_t high_v = vreinterpretq_s8_s32(vdupq_n_s32(bytes[1]));
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, weights += 16) {
        const int8x16_t w = vreinterpretq_s8_u8(vld1q_u8(weights));
        of_low[q] = vdotq_s32(of_low[q], w, low_v);
        of_high[q] = vdotq_s32(of_high[q], w, high_v);
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q)
      sums[q] = reinterpret_cast<UintVector>(vaddq_s32(vshlq_n_s32(of_high[q], 8), of_low[q]));
  }

 private:
  static long padded(long depth) { return (depth + kLanes - 1) / kLanes * kLanes; }
};
#endif

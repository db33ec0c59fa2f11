// SPDX-License-Identifier: MIT
// A register of one float, for streams with weights of bf16 or int8 on machines without another level: no include
// guard, no includes. See avx2.inl and avx2_streams.inl.

using Vector = float;
using IntVector = std::int32_t;
using UintVector = std::uint32_t;
inline constexpr int kLanes = 1;

inline Vector load(const void* p) {
  Vector v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
inline void store(void* p, Vector v) { std::memcpy(p, &v, sizeof(v)); }
inline Vector broadcast(float value) { return value; }
inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
inline Vector clamp(Vector x, float limit) { return x < -limit ? -limit : x > limit ? limit : x; }
inline UintVector as_bits(Vector v) { return __builtin_bit_cast(UintVector, v); }
inline Vector from_bits(UintVector v) { return __builtin_bit_cast(Vector, v); }
inline Vector to_float(UintVector v) { return static_cast<float>(static_cast<std::int32_t>(v)); }
inline float sum_of_lanes(Vector v) { return v; }
inline std::int32_t largest_lane(IntVector v) { return v; }
inline std::uint32_t sum_of_integers(UintVector v) { return v; }

struct ExactRationalTanh;  // stream_functions.inl
struct FastRationalTanh;
using ExactTanh = ExactRationalTanh;  // the tanh of Math::exact
using FastTanh = FastRationalTanh;    // and of Math::fast
inline Vector opaque(Vector v) { return v; }
inline Vector clamp_magnitude(Vector x, float limit) { return clamp(x, limit); }
inline Vector divide_unless_nan(Vector, Vector a, Vector b) { return a / b; }

/// States below this are flushed to zero: see streaming.inl.
inline constexpr float kFlushThreshold = 1e-18f;

struct Int8 {
  static constexpr long kGroup = 1;
  static constexpr int kOffset = 0;

  static void store(std::int16_t* to, long, long k, UintVector integers) {
    to[k] = static_cast<std::int16_t>(static_cast<std::int32_t>(integers));
  }
  static void multiply(const unsigned char* weights, const std::int16_t* v, long depth, std::uint32_t,
                       UintVector (&sums)[4]) {
    std::int32_t sum[4] = {};
    for (long k = 0; k < depth; ++k)
      for (int q = 0; q < 4; ++q, ++weights) sum[q] += static_cast<std::int8_t>(*weights) * v[k];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sums[q] = static_cast<std::uint32_t>(sum[q]);
  }
};

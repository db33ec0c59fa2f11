// SPDX-License-Identifier: MIT
// Operations on one register of floats, for every level: no include guard, no includes. Needs the level's instructions
// (levels/*.inl).
//
// Floating-point contraction is off for this file: only multiply_add fuses a product and a sum, so that results do not
// depend on the compiler's choices in the surrounding code.

inline constexpr int kLanes = sizeof(Vector) / sizeof(float);
typedef float UnalignedVector __attribute__((vector_size(sizeof(Vector)), aligned(4), may_alias));
typedef std::int32_t IntVector __attribute__((vector_size(sizeof(Vector))));
typedef std::uint32_t UintVector __attribute__((vector_size(sizeof(Vector))));

[[gnu::always_inline]] inline Vector load(const void* p) { return *static_cast<const UnalignedVector*>(p); }
[[gnu::always_inline]] inline void store(void* p, Vector v) { *static_cast<UnalignedVector*>(p) = v; }
[[gnu::always_inline]] inline Vector broadcast(float value) { return value - Vector{}; }

[[gnu::always_inline]] inline UintVector as_bits(Vector v) { return reinterpret_cast<UintVector>(v); }
[[gnu::always_inline]] inline Vector from_bits(UintVector v) { return reinterpret_cast<Vector>(v); }
/// Lanes as signed integers.
[[gnu::always_inline]] inline Vector to_float(UintVector v) {
  return __builtin_convertvector(reinterpret_cast<IntVector>(v), Vector);
}

[[gnu::always_inline]] inline std::int32_t largest_lane(IntVector v) {
  std::int32_t largest = v[0];
  for (int lane = 1; lane < kLanes; ++lane) largest = v[lane] > largest ? v[lane] : largest;
  return largest;
}
[[gnu::always_inline]] inline std::uint32_t sum_of_integers(UintVector v) {
  std::uint32_t sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += v[lane];
  return sum;
}

/// Mask of the first `count` lanes: all bits or none.
[[gnu::always_inline]] inline IntVector first_lanes(long count) {
  IntVector lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < IntVector{} + static_cast<std::int32_t>(count);
}

/// x within +-limit; NaN stays NaN: minimum and maximum return b if an operand is NaN.
[[gnu::always_inline]] inline Vector clamp(Vector x, float limit) {
  return maximum(broadcast(-limit), minimum(broadcast(limit), x));
}

inline constexpr float kLog2E = 1.44269504f;

/// 2^y = scale * (1 + rest), with scale = 2^round(y) and rest = 2^(y - round(y)) - 1, by a polynomial of degree 6 whose
/// relative error in 1 + rest is 1e-7. For |y| < 126.
struct Power {
  Vector scale, rest;
};
[[gnu::always_inline]] inline Power power_of_two(Vector x, float factor) {
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
  const Vector magic = broadcast(12582912.0f), k = broadcast(factor);
  const Vector shifted = multiply_add(x, k, magic);
  const Vector r = multiply_add(x, k, magic - shifted);  // in [-1/2, 1/2]
  const Vector r2 = r * r;
  const Vector low = multiply_add(r, broadcast(2.402264791e-1f), broadcast(6.931472028e-1f));
  const Vector middle = multiply_add(r, broadcast(9.618437357e-3f), broadcast(5.550332548e-2f));
  const Vector high = multiply_add(r, broadcast(1.535336188e-4f), broadcast(1.339887440e-3f));
  const Vector p = multiply_add(multiply_add(high, r2, middle), r2, low);
  const UintVector exponent = reinterpret_cast<UintVector>(shifted) << 23;  // keeps only the low bits of `shifted`
  const UintVector one = (UintVector{} + 127) << 23;
  return {reinterpret_cast<Vector>(exponent + one), p * r};
}

/// The logistic function, 1 / (1 + 2^(-x log2 e)). Error below 9e-8, 1.5 units in the last place of numbers below 1.
[[gnu::always_inline]] inline Vector sigmoid(Vector x) {
  const Power e = power_of_two(clamp(x, 80.0f), -1.44269504f);
  return 1 / multiply_add(e.scale, e.rest, e.scale + 1);
}

/// tanh(x) = (e - 1) / (e + 1) with e = 2^(2 x log2 e), e - 1 formed without cancellation. Error below 1.5e-7, 2.5 such
/// units, and 4.6 in the last place of the result, however small.
[[gnu::always_inline]] inline Vector tanh(Vector x) {
  const Power e = power_of_two(clamp(x, 15.0f), 2.88539008f);
  const Vector less_one = multiply_add(e.scale, e.rest, e.scale - 1);
  return less_one / (less_one + 2);
}

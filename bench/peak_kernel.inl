// SPDX-License-Identifier: MIT
// One loop of multiply-adds and one of loads, compiled for each level: no include guard, no includes. The including
// file has opened a namespace with the level's `Vector` of floats, `multiply_add(a, b, c)` and `kChains`, the number of
// independent sums: as many as the registers allow, to hide the latency of a multiply-add.

inline constexpr long kLanes = sizeof(Vector) / sizeof(float);

inline float sum_of(Vector v) {
  float sum = 0;
  for (long i = 0; i < kLanes; ++i) sum += v[i];
  return sum;
}

/// rounds * kChains multiply-adds of vectors. The sums converge to term / (1 - factor).
inline float multiply_adds(long rounds, float factor, float term) {
  const Vector f = factor - Vector{}, t = term - Vector{};
  Vector sum[kChains];
  for (int c = 0; c < kChains; ++c) sum[c] = t * static_cast<float>(c);
  for (long r = 0; r < rounds; ++r)
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) sum[c] = multiply_add(sum[c], f, t);
  Vector total{};
  for (int c = 0; c < kChains; ++c) total += sum[c];
  return sum_of(total);
}

/// The sum of `count` floats at an aligned address; count is a multiple of 256.
inline float read_all(const float* data, long count) {
  constexpr int kStreams = 8;
  Vector sum[kStreams] = {};
  for (long i = 0; i < count; i += kStreams * kLanes)
#pragma GCC unroll 8
    for (int s = 0; s < kStreams; ++s) sum[s] += *reinterpret_cast<const Vector*>(data + i + s * kLanes);
  Vector total{};
  for (int s = 0; s < kStreams; ++s) total += sum[s];
  return sum_of(total);
}

inline constexpr Kernels kKernels{multiply_adds, read_all, (kChains * kLanes)};

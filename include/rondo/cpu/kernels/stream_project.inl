// SPDX-License-Identifier: MIT
// The input projection of a block of steps for streaming, for every level: no include guard, no includes. One chain of
// multiply-adds for each element, whatever the number of rows: the bits are those of single steps. A tile has as many
// elements as keep the multiply-adds of a processor busy, and many rows, which share a load of the weights.

template <bool kBounded, int kRows, int kVectors>
[[gnu::always_inline]] inline void stream_project_tile(const StreamProjection& p, const float* x, long v, float* z) {
  Vector sum[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 12
    for (int m = 0; m < kVectors; ++m) sum[r][m] = load(p.bias + (v + m) * kLanes);
  const float* w = p.weights + v * kLanes;
  const long step = p.vectors * kLanes;
  for (long k = 0; k < p.inputs; ++k, w += step) {
    Vector value[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      value[r] = kBounded ? broadcast(x[r * p.x_step + k]) : broadcast_input(x[r * p.x_step + k]);
#pragma GCC unroll 12
    for (int m = 0; m < kVectors; ++m) {
      const Vector weights = load(w + m * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r][m] = multiply_add(weights, value[r], sum[r][m]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 12
    for (int m = 0; m < kVectors; ++m) store(z + r * step + (v + m) * kLanes, sum[r][m]);
}

template <bool kBounded>
inline void stream_project_rows(const StreamProjection& p) {
  constexpr int kRows = kLanes == 8 ? 3 : 4;  // 12 sums with 16 registers
  const long step = p.vectors * kLanes;
  long row = 0;
  const auto rows = [&](auto count) __attribute__((always_inline)) {
    const float* const x = p.x + row * p.x_step;
    float* const z = p.z + row * step;
    long v = 0;
    if constexpr (count == 1) {
      if (p.vectors % 8 >= 4 && p.vectors >= 12) stream_project_tile<kBounded, 1, 12>(p, x, v, z), v += 12;
      for (; v + 8 <= p.vectors; v += 8) stream_project_tile<kBounded, 1, 8>(p, x, v, z);
    }
    for (; v + 4 <= p.vectors; v += 4) stream_project_tile<kBounded, count, 4>(p, x, v, z);
    for (; v + 2 <= p.vectors; v += 2) stream_project_tile<kBounded, count, 2>(p, x, v, z);
    if (v < p.vectors) stream_project_tile<kBounded, count, 1>(p, x, v, z);
    row += count;
  };
  while (row + kRows <= p.rows) rows(std::integral_constant<int, kRows>{});
  while (row + 2 <= p.rows) rows(std::integral_constant<int, 2>{});
  if (row < p.rows) rows(std::integral_constant<int, 1>{});
}

inline void stream_project(const StreamProjection& p) {
  p.bounded ? stream_project_rows<true>(p) : stream_project_rows<false>(p);
}

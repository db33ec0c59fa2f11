// SPDX-License-Identifier: MIT
// The input projection of a block of steps for streaming, for every level: no include guard, no includes. Two chains
// for each element, over even and odd inputs, whatever the number of rows: the bits are those of single steps.

template <bool kBounded, int kRows, int kVectors>
[[gnu::always_inline]] inline void stream_project_tile(const StreamProjection& p, const float* x, long v, float* z) {
  Vector sum[kRows][kVectors][2];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int m = 0; m < kVectors; ++m) {
      sum[r][m][0] = load(p.bias + (v + m) * kLanes);
      sum[r][m][1] = Vector{};
    }
  const float* w = p.weights + v * kLanes;
  const long step = p.vectors * kLanes;
  const auto add = [&](long k, auto chain) __attribute__((always_inline)) {
    Vector weights[kVectors];
#pragma GCC unroll 2
    for (int m = 0; m < kVectors; ++m) weights[m] = load(w + m * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const float input = x[r * p.x_step + k];
      const Vector value = kBounded ? broadcast(input) : broadcast_input(input);
#pragma GCC unroll 2
      for (int m = 0; m < kVectors; ++m) sum[r][m][chain] = multiply_add(weights[m], value, sum[r][m][chain]);
    }
    w += step;
  };
  long k = 0;
  for (; k + 2 <= p.inputs; k += 2) {
    add(k, std::integral_constant<int, 0>{});
    add(k + 1, std::integral_constant<int, 1>{});
  }
  if (k < p.inputs) add(k, std::integral_constant<int, 0>{});
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int m = 0; m < kVectors; ++m) store(z + r * step + (v + m) * kLanes, sum[r][m][0] + sum[r][m][1]);
}

template <bool kBounded>
inline void stream_project_rows(const StreamProjection& p) {
  constexpr int kRows = kLanes == 8 ? 2 : 4;
  const long step = p.vectors * kLanes;
  long row = 0;
  const auto rows = [&](auto count) __attribute__((always_inline)) {
    const float* const x = p.x + row * p.x_step;
    float* const z = p.z + row * step;
    long v = 0;
    for (; v + 2 <= p.vectors; v += 2) stream_project_tile<kBounded, count, 2>(p, x, v, z);
    if (v < p.vectors) stream_project_tile<kBounded, count, 1>(p, x, v, z);
    row += count;
  };
  while (row + kRows <= p.rows) rows(std::integral_constant<int, kRows>{});
  while (row < p.rows) rows(std::integral_constant<int, 1>{});
}

inline void stream_project(const StreamProjection& p) {
  p.bounded ? stream_project_rows<true>(p) : stream_project_rows<false>(p);
}

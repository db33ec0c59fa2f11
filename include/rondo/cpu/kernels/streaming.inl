// SPDX-License-Identifier: MIT
// One step of one layer for a single stream, for every level: no include guard, no includes. Needs the equations and
// the structures of cpu/kernel_arguments.hpp.
//
// A panel of gates holds the bias, then W's columns, then R's; units past H have zero weights and stay zero. What
// limits a small layer is the way from h(t-1) to h(t): one vector of units sums in four parts, which shortens the
// longest chain to a quarter; two vectors at a time are chains enough by themselves.

/// Below this a state is taken for zero, so that a stream that dies away never reaches denormals, whose arithmetic is
/// slow.
inline constexpr float kSilence = 1e-18f;

[[gnu::always_inline]] inline Vector silence(Vector v) {
  return ((v < spread(kSilence)) & (v > spread(-kSilence))) ? Vector{} : v;
}

/// sum[block][k % Parts][gate] += panel's row k * v[k].
template <int Blocks, int Parts>
[[gnu::always_inline]] inline void stream_rows(Vector (&sum)[Blocks][Parts][4], const float* panel, long block_size,
                                               const float* v, long depth) {
  long k = 0;
  for (; k + Parts <= depth; k += Parts)
#pragma GCC unroll 4
    for (int part = 0; part < Parts; ++part) {
      const Vector value = spread(v[k + part]);
#pragma GCC unroll 2
      for (int block = 0; block < Blocks; ++block)
#pragma GCC unroll 4
        for (int g = 0; g < 4; ++g)
          sum[block][part][g] = multiply_add(load(panel + block * block_size + (k + part) * kPanelRows + g * kLanes),
                                             value, sum[block][part][g]);
    }
  for (; k < depth; ++k) {
    const Vector value = spread(v[k]);
#pragma GCC unroll 2
    for (int block = 0; block < Blocks; ++block)
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g)
        sum[block][0][g] =
            multiply_add(load(panel + block * block_size + k * kPanelRows + g * kLanes), value, sum[block][0][g]);
  }
}

/// Blocks * kLanes units from `unit` on.
template <int Blocks, int Parts>
[[gnu::always_inline]] inline void stream_units(const StreamStep& s, long unit) {
  const long block_size = (1 + s.inputs + s.hidden) * kPanelRows;
  const float* const panel = s.weights + unit / kLanes * block_size;
  Vector sum[Blocks][Parts][4];
#pragma GCC unroll 2
  for (int block = 0; block < Blocks; ++block)
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      sum[block][0][g] = load(panel + block * block_size + g * kLanes);
#pragma GCC unroll 4
      for (int part = 1; part < Parts; ++part) sum[block][part][g] = Vector{};
    }
  stream_rows(sum, panel + kPanelRows, block_size, s.x, s.inputs);
  stream_rows(sum, panel + (1 + s.inputs) * kPanelRows, block_size, s.h_before, s.hidden);
#pragma GCC unroll 2
  for (int block = 0; block < Blocks; ++block) {
    Vector z[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g)
      if constexpr (Parts == 4)
        z[g] = (sum[block][0][g] + sum[block][1][g]) + (sum[block][2][g] + sum[block][3][g]);
      else
        z[g] = sum[block][0][g];
    float* const c_at = s.c + unit + block * kLanes;
    Vector c, tanh_c, h;
    lstm_cell(z[0], z[1], z[2], z[3], load(c_at), c, tanh_c, h);
    store(c_at, silence(c));
    store(s.h + unit + block * kLanes, silence(h));
  }
}

inline void stream_step(const StreamStep& s) {
  constexpr long kPair = 2 * kLanes;
  const long pairs = (s.hidden + kPair - 1) / kPair;
  for (long n = 0; n < pairs; ++n) {
    const long unit = (s.backwards ? pairs - 1 - n : n) * kPair;
    if (unit + kLanes < s.hidden)
      stream_units<2, 1>(s, unit);
    else
      stream_units<1, 4>(s, unit);
  }
}

/// y = b + W x, each row of W with its bias behind it.
inline void stream_linear(long inputs, long outputs, const float* rows, const float* x, float* y) {
  for (long k = 0; k < outputs; ++k, rows += inputs + 1) {
    Vector sum[2] = {};
    long i = 0;
    for (; i + 2 * kLanes <= inputs; i += 2 * kLanes)
#pragma GCC unroll 2
      for (int part = 0; part < 2; ++part)
        sum[part] = multiply_add(load(rows + i + part * kLanes), load(x + i + part * kLanes), sum[part]);
    for (; i + kLanes <= inputs; i += kLanes) sum[0] = multiply_add(load(rows + i), load(x + i), sum[0]);
    if (i < inputs) sum[1] = multiply_add(load_part(rows + i, inputs - i), load_part(x + i, inputs - i), sum[1]);
    const Vector both = sum[0] + sum[1];
    float total = rows[inputs];
    for (int lane = 0; lane < kLanes; ++lane) total += both[lane];
    y[k] = total;
  }
}

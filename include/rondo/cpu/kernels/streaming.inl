// SPDX-License-Identifier: MIT
// One step of one layer for a single stream, for every level and cell: no include guard, no includes. Needs the
// equations and the structures of cpu/kernel_arguments.hpp.
//
// A panel holds the bias, then W's columns, then R's; units past H have zero weights and stay zero. A small layer is
// limited by the latency from h(t-1) to h(t): a single vector of units sums in four parts, which shortens the longest
// chain to a quarter; with two vectors at a time there are enough independent chains without that.

/// States below this are flushed to zero, so that a decaying stream never reaches denormals, whose arithmetic is slow.
inline constexpr float kFlushThreshold = 1e-18f;

[[gnu::always_inline]] inline Vector flush_small_to_zero(Vector v) {
  return ((v < broadcast(kFlushThreshold)) & (v > broadcast(-kFlushThreshold))) ? Vector{} : v;
}

/// sum[vector][k % Parts][Placement::at(gate)] += panel's row k * v[k], for G gates.
template <class Placement, int G, int Vectors, int Parts, int N>
[[gnu::always_inline]] inline void stream_rows(Vector (&sum)[Vectors][Parts][N], const float* panel, long panel_size,
                                               const float* v, long depth) {
  constexpr long kRows = G * kLanes;
  long k = 0;
  for (; k + Parts <= depth; k += Parts)
#pragma GCC unroll 4
    for (int part = 0; part < Parts; ++part) {
      const Vector value = broadcast(v[k + part]);
#pragma GCC unroll 2
      for (int n = 0; n < Vectors; ++n)
#pragma GCC unroll 4
        for (int g = 0; g < G; ++g) {
          Vector& to = sum[n][part][Placement::at(g)];
          to = multiply_add(load(panel + n * panel_size + (k + part) * kRows + g * kLanes), value, to);
        }
    }
  for (; k < depth; ++k) {
    const Vector value = broadcast(v[k]);
#pragma GCC unroll 2
    for (int n = 0; n < Vectors; ++n)
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) {
        Vector& to = sum[n][0][Placement::at(g)];
        to = multiply_add(load(panel + n * panel_size + k * kRows + g * kLanes), value, to);
      }
  }
}

/// Vectors * kLanes units, starting at `unit`.
template <class Cell, int Vectors, int Parts>
[[gnu::always_inline]] inline void stream_units(const StreamStep& s, long unit) {
  constexpr int G = Cell::kGates, N = Cell::kBlocks;
  const long panel_size = (N + G * (s.inputs + s.outputs)) * kLanes;
  const float* const panel = s.weights + unit / kLanes * panel_size;
  Vector sum[Vectors][Parts][N];
#pragma GCC unroll 2
  for (int n = 0; n < Vectors; ++n)
#pragma GCC unroll 4
    for (int q = 0; q < N; ++q) {
      sum[n][0][q] = load(panel + n * panel_size + q * kLanes);
#pragma GCC unroll 4
      for (int part = 1; part < Parts; ++part) sum[n][part][q] = Vector{};
    }
  const float *const W = panel + N * kLanes, *const R = W + G * kLanes * s.inputs;
  stream_rows<GatePlacement<Cell>, G>(sum, W, panel_size, s.x, s.inputs);
  stream_rows<ContiguousPlacement, G>(sum, R, panel_size, s.h_before, s.outputs);
#pragma GCC unroll 2
  for (int n = 0; n < Vectors; ++n) {
    Vector z[N];
#pragma GCC unroll 4
    for (int q = 0; q < N; ++q)
      if constexpr (Parts == 4)
        z[q] = (sum[n][0][q] + sum[n][1][q]) + (sum[n][2][q] + sum[n][3][q]);
      else
        z[q] = sum[n][0][q];
    const long at = unit + n * kLanes;
    Vector c, tanh_c, h;
    Equations<Cell>::forward(z, load(s.before + at), c, tanh_c, h);
    if constexpr (Cell::kHasC) store(s.c + at, flush_small_to_zero(c));
    store(s.h + at, flush_small_to_zero(h));
  }
}

template <class Cell>
inline void stream_step(const StreamStep& s) {
  constexpr long kPair = 2 * kLanes;
  const long pairs = (s.hidden + kPair - 1) / kPair;
  for (long n = 0; n < pairs; ++n) {
    const long unit = (s.reverse_unit_order ? pairs - 1 - n : n) * kPair;
    if (unit + kLanes < s.hidden)
      stream_units<Cell, 2, 1>(s, unit);
    else
      stream_units<Cell, 1, 4>(s, unit);
  }
}

/// y = b + W x; each row of W is followed by its bias.
inline void stream_linear(long inputs, long outputs, const float* rows, const float* x, float* y) {
  for (long k = 0; k < outputs; ++k, rows += inputs + 1) {
    Vector sum[2] = {};
    long i = 0;
    for (; i + 2 * kLanes <= inputs; i += 2 * kLanes)
#pragma GCC unroll 2
      for (int part = 0; part < 2; ++part)
        sum[part] = multiply_add(load(rows + i + part * kLanes), load(x + i + part * kLanes), sum[part]);
    for (; i + kLanes <= inputs; i += kLanes) sum[0] = multiply_add(load(rows + i), load(x + i), sum[0]);
    if (i < inputs) sum[1] = multiply_add(load_partial(rows + i, inputs - i), load_partial(x + i, inputs - i), sum[1]);
    const Vector both = sum[0] + sum[1];
    float total = rows[inputs];
    for (int lane = 0; lane < kLanes; ++lane) total += both[lane];
    y[k] = total;
  }
}

// SPDX-License-Identifier: MIT
// A block of steps of a layer of any size, for every level and cell: no include guard, no includes. One register of
// units at a time; each unit of h is broadcast from memory. Registers of units are visited back and forth, so that each
// step begins with the weights that the last one left in cache. Sums have one order, whichever the order of the units.

/// sum[q] of one register of units: adds R h for the gates of a cell.
template <class Cell>
[[gnu::always_inline]] inline void stream_broadcast_products(const float* weights, const float* h, long units,
                                                             Vector (&sum)[4]) {
  constexpr int kChains = kLanes == 8 ? 2 : 4, G = Cell::kGates;
  Vector part[G][kChains];
#pragma GCC unroll 4
  for (int q = 0; q < G; ++q) {
    part[q][0] = sum[q];
#pragma GCC unroll 4
    for (int chain = 1; chain < kChains; ++chain) part[q][chain] = Vector{};
  }
  for (long k = 0; k < units; k += 4)
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i, weights += 4 * kLanes) {
      const Vector value = broadcast(h[k + i]);
#pragma GCC unroll 4
      for (int q = 0; q < G; ++q)
        part[q][i % kChains] = multiply_add(load(weights + q * kLanes), value, part[q][i % kChains]);
    }
#pragma GCC unroll 4
  for (int q = 0; q < G; ++q)
    if constexpr (kChains == 4)
      sum[q] = (part[q][0] + part[q][1]) + (part[q][2] + part[q][3]);
    else
      sum[q] = part[q][0] + part[q][1];
}

template <class Cell, class Tanh>
struct StreamBroadcast {
  /// Units [unit, unit + kLanes) of one row. Not inline: the constants of the nonlinearities would take registers of
  /// the sums.
  [[gnu::noinline]] static void units(const StreamData& s, const StreamBlock& block, const Tanh& tanh, long unit,
                                      long row, const float* before, float* after, float* state) {
    const float *const z = block.z + row * s.z_step + unit * 4, *const last = s.last_column + unit * 4;
    const Vector x = broadcast_input(block.x[row * block.x_step]);
    Vector sum[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) sum[q] = multiply_add(load(last + q * kLanes), x, load(z + q * kLanes));
    stream_broadcast_products<Cell>(s.weights + unit * 4 * s.units, before, s.units, sum);
    stream_update_units<Cell>(s, tanh, sum, before + unit, after + unit, state + unit, s.out + row * s.out_step + unit);
  }

  /// All voices. s.h holds h of each voice twice; that of the last step is the second if *s.reverse.
  static void run(const StreamData& data, long steps, const float* x, long x_step, const float* z, float* y) {
    const StreamData s = data;
    const StreamBlock block{steps, x, x_step, z, y};
    const Tanh tanh;
    const long padded = (s.units + kLanes - 1) / kLanes * kLanes;
    bool reverse = *s.reverse;
    for (long t = 0; t < steps; ++t, reverse = !reverse)
      for (long voice = 0; voice < s.voices; ++voice) {
        const long row = t * s.voices + voice;
        float* const h = s.h + voice * s.state_step;
        const float* const before = h + (reverse ? padded : 0);
        float* const after = h + (reverse ? 0 : padded);
        for (long n = 0; n < padded; n += kLanes)
          units(s, block, tanh, reverse ? padded - kLanes - n : n, row, before, after, s.c + voice * s.state_step);
        if (s.head != nullptr) y[row] = stream_head(s, after, padded);
      }
    *s.reverse = reverse;
  }
};

// SPDX-License-Identifier: MIT
// A block of steps of a layer of any size, for every level and cell: no include guard, no includes. A group of
// registers of units at a time: its products, then its cells. Each unit of h is broadcast from memory. Groups are
// visited back and forth, so that each step begins with the weights that the last one left in cache. Sums have one
// order, whichever the order of the units.

/// Registers of units that a group may have. Their cells are computed together (stream_registers.inl). 32 registers
/// hold the products of enough rows for one register of units to suffice.
inline constexpr int kGroupOfUnits = kLanes == 8 ? 4 : 1;
/// Largest padded H of layers with such groups: 32 KiB of weights. Within a group, weights are not read back and forth.
inline constexpr long kMostGroupedUnits = 44;

/// sum[n][q] of kCount registers of units: adds R h, for the gates of a cell, and the last input's column times x. x is
/// added after half of the products: in single steps it may depend on the last output, which takes longer than h. Calls
/// between() after each four products of a row.
template <class Cell, int kCount, class F>
[[gnu::always_inline]] inline void stream_broadcast_products(const float* weights, const float* h, long units,
                                                             const float* last_column, Vector x, Vector (*sum)[4],
                                                             F&& between) {
  // Chains of multiply-adds of each row: as many as registers allow.
  constexpr int kChains = kLanes != 8 ? 4 : kCount == 1 ? 2 : 1, G = Cell::kGates;
  const long panel = units * 4 * kLanes;
  Vector part[kCount][G][kChains];
#pragma GCC unroll 4
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
    for (int q = 0; q < G; ++q) {
      part[n][q][0] = sum[n][q];
#pragma GCC unroll 4
      for (int chain = 1; chain < kChains; ++chain) part[n][q][chain] = Vector{};
    }
  const auto add_until = [&](const float* end) __attribute__((always_inline)) {
    for (; h != end; h += 4) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i, weights += 4 * kLanes) {
        const Vector value = broadcast(h[i]);
#pragma GCC unroll 4
        for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
          for (int q = 0; q < G; ++q) {
            Vector& to = part[n][q][i % kChains];
            to = multiply_add(load(weights + n * panel + q * kLanes), value, to);
          }
      }
      between();
    }
  };
  const float* const end = h + units;
  add_until(h + units / 8 * 4);
#pragma GCC unroll 4
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      Vector& to = q < G ? part[n][q][0] : sum[n][q];
      to = multiply_add(load(last_column + (n * 4 + q) * kLanes), x, to);
    }
  add_until(end);
#pragma GCC unroll 4
  for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
    for (int q = 0; q < G; ++q)
      if constexpr (kChains == 4)
        sum[n][q] = (part[n][q][0] + part[n][q][1]) + (part[n][q][2] + part[n][q][3]);
      else if constexpr (kChains == 2)
        sum[n][q] = part[n][q][0] + part[n][q][1];
      else
        sum[n][q] = part[n][q][0];
}

template <class Cell, class Tanh>
struct StreamBroadcast {
  /// One step of a voice.
  struct Row {
    const float *z, *before;
    Vector x;
    float *after, *state, *out;
  };

  template <int kCount, class F>
  [[gnu::always_inline]] static void products(const StreamData& s, long unit, const Row& row, Vector (*sum)[4],
                                              F&& between) {
#pragma GCC unroll 4
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) sum[n][q] = load(row.z + (unit + n * kLanes) * 4 + q * kLanes);
    stream_broadcast_products<Cell, kCount>(s.weights + unit * 4 * s.units, row.before, s.units,
                                            s.last_column + unit * 4, row.x, sum, between);
  }

  /// kCount registers of units from `unit`. Not inline: the constants of the nonlinearities would take registers of the
  /// sums.
  template <int kCount>
  [[gnu::noinline]] static void group(const StreamData& s, const Tanh& tanh, long unit, const Row& row) {
    Vector sum[kCount][4];
    constexpr int kDone = kCount == 4 ? 2 : 0;
    if constexpr (kDone > 0) {  // the sums of two fill the registers; their functions stand among the other products
      products<kDone>(s, unit, row, sum, [] {});
      Vector* next = sum[0];
      const auto apply_next = [&]() __attribute__((always_inline)) {
        *next = tanh(*next), ++next;
        if constexpr (!StreamCell<Cell>::kHasFunction[2]) next += (next - sum[0]) % 4 == 2 ? 2 : 0;
      };
      products<kDone>(
          s, unit + kDone * kLanes, row, sum + kDone, [&]() __attribute__((always_inline)) {
            if (next < sum[kDone]) apply_next();
          });
      while (next < sum[kDone]) apply_next();
    } else {
      products<kCount>(s, unit, row, sum, [] {});
    }
    stream_update_units<Cell, kCount, kDone>(s, tanh, sum, row.before + unit, row.after + unit, row.state + unit,
                                             row.out + unit);
  }
  [[gnu::always_inline]] static void group(const StreamData& s, const Tanh& tanh, long unit, long count,
                                           const Row& row) {
    if constexpr (kGroupOfUnits == 4) {
      if (count == 4) return group<4>(s, tanh, unit, row);
      if (count == 3) return group<3>(s, tanh, unit, row);
      if (count == 2) return group<2>(s, tanh, unit, row);
    }
    group<1>(s, tanh, unit, row);
  }

  /// All voices. s.h holds h of each voice twice; that of the last step is the second if *s.reverse.
  static void run(const StreamData& s, long steps, const float* x, long x_step, const float* z, float* y) {
    const Tanh tanh;
    const long registers = (s.units + kLanes - 1) / kLanes, padded = registers * kLanes;
    const long most = s.units <= kMostGroupedUnits ? kGroupOfUnits : 1;
    const long groups = (registers + most - 1) / most, count = registers / groups, larger = registers % groups;
    bool reverse = *s.reverse;
    for (long t = 0; t < steps; ++t, reverse = !reverse)
      for (long voice = 0; voice < s.voices; ++voice) {
        const long r = t * s.voices + voice;
        float* const h = s.h + voice * s.state_step;
        float* const after = h + (reverse ? 0 : padded);
        const Row row{z + r * s.z_step,           h + (reverse ? padded : 0), broadcast_input(x[r * x_step]), after,
                      s.c + voice * s.state_step, s.out + r * s.out_step};
        for (long i = 0; i < groups; ++i) {  // the first `larger` groups have a register more
          const long at = reverse ? groups - 1 - i : i;
          const long first = at * count + (at < larger ? at : larger);
          group(s, tanh, first * kLanes, count + (at < larger), row);
        }
        if (s.head != nullptr) y[r] = stream_head(s, after, padded);
      }
    *s.reverse = reverse;
  }
};

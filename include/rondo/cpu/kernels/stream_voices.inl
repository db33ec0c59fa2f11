// SPDX-License-Identifier: MIT
// A block of steps of a layer of any size for many voices, for every level and cell: no include guard, no includes. A
// register holds one unit of as many voices as it has lanes; weights are broadcast. Two units at a time.

template <class Cell, class Tanh>
struct StreamVoices {
  /// Adds the products of `count` values with the weights of kBlocks blocks, after those at w. Returns the last ones.
  template <int kCount, int kBlocks>
  [[gnu::always_inline]] static const float* add(const float* w, long row, const float* values, long count, long step,
                                                 Vector (&sum)[kCount][4]) {
    for (long k = 0; k < count; ++k) {
      const Vector value = load(values + k * step);
      w += 4;
#pragma GCC unroll 2
      for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
        for (int q = 0; q < kBlocks; ++q) sum[n][q] = multiply_add(broadcast(w[n * row + q]), value, sum[n][q]);
    }
    return w;
  }

  /// kCount units from `unit` of the voices of one register. x: inputs, h and after: units, each kLanes voices, `step`
  /// floats apart.
  template <int kCount>
  [[gnu::always_inline]] static void units(const StreamData& s, const Tanh& tanh, long unit, const float* x,
                                           const float* before, float* after, float* state, long step, Vector& head) {
    const long row = 4 * (1 + s.inputs + s.units);
    const float* w = s.weights + unit * row;
    Vector sum[kCount][4];
#pragma GCC unroll 2
    for (int n = 0; n < kCount; ++n)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) sum[n][q] = broadcast(w[n * row + q]);
    w = add<kCount, 4>(w, row, x, s.inputs, step, sum);
    add<kCount, Cell::kGates>(w, row, before, s.units, step, sum);
#pragma GCC unroll 2
    for (int n = 0; n < kCount; ++n) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q)
        if (StreamCell<Cell>::kHasFunction[q]) sum[n][q] = tanh(sum[n][q]);
      const long at = (unit + n) * step;
      Vector c = {}, h = load(before + at);
      if constexpr (Cell::kHasC) c = load(state + at);
      StreamCell<Cell>::update(tanh, sum[n], c, h);
      if constexpr (Cell::kHasC) store(state + at, c);
      store(after + at, h);
      if (s.head != nullptr) head = multiply_add(h, broadcast(s.head[unit + n]), head);
    }
  }

  /// s.h: h of all units and voices twice, of which the second is that of the last step if *s.reverse, and room for the
  /// inputs of a step. x: the last input of each row. z is not used.
  static void run(const StreamData& s, long steps, const float* x, long x_step, const float*, float* y) {
    const Tanh tanh;
    const long padded = s.state_step, B = s.voices;
    float* const inputs = s.h + 2 * s.units * padded;
    bool reverse = *s.reverse;
    for (long t = 0; t < steps; ++t, reverse = !reverse) {
      for (long b = 0; b < B; ++b)
        for (long i = 0; i < s.inputs; ++i) inputs[i * padded + b] = x[(t * B + b) * x_step + i - s.inputs + 1];
      for (long i = 0; i < s.inputs * padded; i += kLanes) store(inputs + i, bounded_input(load(inputs + i)));
      const float* const before = s.h + (reverse ? s.units * padded : 0);
      float* const after = s.h + (reverse ? 0 : s.units * padded);
      for (long b = 0; b < B; b += kLanes) {
        Vector head = broadcast(s.head_bias);
        long unit = 0;
        for (; unit + 2 <= s.units; unit += 2)
          units<2>(s, tanh, unit, inputs + b, before + b, after + b, s.c + b, padded, head);
        if (unit < s.units) units<1>(s, tanh, unit, inputs + b, before + b, after + b, s.c + b, padded, head);
        if (s.head == nullptr) continue;
        if (b + kLanes <= B)
          store(y + t * B + b, head);
        else
          store_partial(y + t * B + b, head, B - b);
      }
      if (s.out != nullptr)
        for (long b = 0; b < B; ++b)
          for (long u = 0; u < s.units; ++u) s.out[(t * B + b) * s.out_step + u] = after[u * padded + b];
    }
    *s.reverse = reverse;
  }
};

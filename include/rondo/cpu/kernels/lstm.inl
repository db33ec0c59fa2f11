// SPDX-License-Identifier: MIT
// One step of the recurrence and one step back, for every level: no include guard, no includes. Needs gemm.inl, the
// equations, and the structures of cpu/kernels.hpp.
//
// Forward, a tile is the four gates of one vector of units x N columns. The sums start from the input projection, R
// h(t-1) is added while they stay in registers, and the cell follows there: pre-activations never go back to memory.
// Backward, dh = dy + R^T dz(t+1) goes to a buffer in the first-level cache and the cell's gradients are read from
// there: kept in registers, tile and cell together are more than the registers hold.

/// The cells of one column, kLanes units from `offset` on: gates from their pre-activations, c, h.
[[gnu::always_inline]] inline void cells(Vector (&gate)[4], const LstmCells& at, long column) {
  const long state = column * at.column;
  Vector c, tanh_c, h;
  lstm_cell(gate[0], gate[1], gate[2], gate[3], load(at.c_before + state), c, tanh_c, h);
  store(at.c + state, c);
  store(at.h + state, h);
  if (at.tanh_c == nullptr) return;  // nothing is kept for backward
  store(at.tanh_c + state, tanh_c);
#pragma GCC unroll 4
  for (int g = 0; g < 4; ++g) store(at.gates + column * at.gates_column + g * at.gate, gate[g]);
}

/// N columns of one vector of units.
template <class P, int N>
[[gnu::always_inline]] inline void gate_tile(long depth, const typename P::Word* R, Operand<typename P::Word> h_before,
                                             const LstmCells& at, Ahead ahead) {
  Vector sum[N][4];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) sum[j][g] = load(at.gates + j * at.gates_column + g * at.gate);
  accumulate<P>(sum, depth, R, kPanelRows, h_before, ahead);
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j) cells(sum[j], at, j);
}

/// As gate_tile, of a last vector that only `lanes` units fill: by way of a buffer.
template <class P, int N>
inline void gate_tile_part(long depth, const typename P::Word* R, Operand<typename P::Word> h_before,
                           const LstmCells& at, long lanes) {
  alignas(64) float gates[N][4][kLanes] = {}, before[N][kLanes] = {}, c[N][kLanes], tanh_c[N][kLanes], h[N][kLanes];
  for (int j = 0; j < N; ++j) {
    std::memcpy(before[j], at.c_before + j * at.column, static_cast<std::size_t>(lanes) * sizeof(float));
    for (int g = 0; g < 4; ++g)
      std::memcpy(gates[j][g], at.gates + j * at.gates_column + g * at.gate,
                  static_cast<std::size_t>(lanes) * sizeof(float));
  }
  gate_tile<P, N>(depth, R, h_before,
                  {gates[0][0], 4 * kLanes, kLanes, before[0], c[0], at.tanh_c ? tanh_c[0] : nullptr, h[0], kLanes},
                  quarter_of(nullptr, 0, 0, R));
  for (int j = 0; j < N; ++j) {
    std::memcpy(at.c + j * at.column, c[j], static_cast<std::size_t>(lanes) * sizeof(float));
    std::memcpy(at.h + j * at.column, h[j], static_cast<std::size_t>(lanes) * sizeof(float));
    if (at.tanh_c == nullptr) continue;
    std::memcpy(at.tanh_c + j * at.column, tanh_c[j], static_cast<std::size_t>(lanes) * sizeof(float));
    for (int g = 0; g < 4; ++g)
      std::memcpy(at.gates + j * at.gates_column + g * at.gate, gates[j][g],
                  static_cast<std::size_t>(lanes) * sizeof(float));
  }
}

/// Two vectors of units of a single column: twice as many chains, which hide the latency that one column shows.
template <class P>
inline void gate_column_pair(long depth, const typename P::Word* R, Operand<typename P::Word> h_before,
                             const LstmCells& at) {
  Vector sum[2][4];
#pragma GCC unroll 2
  for (int p = 0; p < 2; ++p)
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) sum[p][g] = load(at.gates + g * at.gate + p * kLanes);
  const typename P::Word* const R_next = R + depth * kPanelRows;
  for (long k = 0; k < depth; ++k) {
    const Vector h = P::spread_word(h_before.data[k * h_before.row]);
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) sum[0][g] = P::multiply_add_words(load(R + k * kPanelRows + g * kLanes), h, sum[0][g]);
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g)
      sum[1][g] = P::multiply_add_words(load(R_next + k * kPanelRows + g * kLanes), h, sum[1][g]);
  }
  cells(sum[0], at, 0);
  cells(sum[1], at.from_unit(kLanes), 0);
}

/// Units [first, last) of one step; first is a multiple of kLanes, last is one or H.
template <class P>
inline void lstm_step(const LstmStep<typename P::Word>& s, long first, long last) {
  const long panel = s.depth * kPanelRows, grain = s.columns == 1 ? 2 * kLanes : kLanes;
  const long grains = (last - first + grain - 1) / grain;
  for (long n = 0; n < grains; ++n) {
    const long u = first + (s.backwards ? grains - 1 - n : n) * grain;
    const typename P::Word* const R = s.R + u / kLanes * panel;
    const LstmCells at = s.cells.from_unit(u);
    const long units = last - u < grain ? last - u : grain;
    if (units == 2 * kLanes) {
      gate_column_pair<P>(s.depth, R, s.h_before, at);
      continue;
    }
    long index = 0;
    if (units >= kLanes)
      for_each_tile(
          s.columns, [&](auto width, long j) __attribute__((always_inline)) {
            const Ahead ahead =
                quarter_of(n + 1 < grains ? R + (s.backwards ? -panel : panel) : nullptr, index++, s.depth, R);
            gate_tile<P, decltype(width)::value>(s.depth, R, s.h_before.from_column(j), at.from_column(j), ahead);
          });
    if (const long whole = units >= kLanes ? kLanes : 0; whole < units)
      for_each_edge_tile(s.columns, [&](auto width, long j) {
        gate_tile_part<P, decltype(width)::value>(s.depth, R + whole / kLanes * panel, s.h_before.from_column(j),
                                                  at.from_unit(whole).from_column(j), units - whole);
      });
  }
}

/// z = b + W x for units [first, last) of all four gates.
template <class P>
inline void project_gates(const GateProjection<typename P::Word>& s, long first, long last) {
  const long panel = s.depth * kPanelRows;
  for (long u = first; u < last; u += kLanes) {
    const typename P::Word* const W = s.W + u / kLanes * panel;
    const Start start{s.bias + u, 0, s.hidden};
    for (long t = 0; t < s.steps; ++t) {
      const Operand<typename P::Word> x = s.x.from_column(t * s.batch);
      const Target z{s.z + u + t * s.batch * s.z_column, s.z_column, s.hidden};
      if (last - u >= kLanes)
        sweep<P, 4>(s.depth, W, kPanelRows, x, start, z, s.columns, t == 0 && u + kLanes < last ? W + panel : nullptr);
      else
        sweep_part<P, 4>(s.depth, W, kPanelRows, x, start, z, s.columns, last - u);
    }
  }
}

/// How a vector of units meets memory: whole, or a last one that only some lanes fill.
struct WholeVector {
  [[gnu::always_inline]] Vector read(const float* p) const { return load(p); }
  [[gnu::always_inline]] void write(float* p, Vector v) const { store(p, v); }
};
struct PartOfVector {
  long lanes;
  [[gnu::always_inline]] Vector read(const float* p) const { return load_part(p, lanes); }
  [[gnu::always_inline]] void write(float* p, Vector v) const { store_part(p, v, lanes); }
};

/// The gradients of the pre-activations of one vector of units of one column, from dh.
template <class Memory>
[[gnu::always_inline]] inline void cells_backward(Memory memory, const LstmGradients& at, const float* dh) {
  Vector dc = memory.read(at.dc), dz[4];
  const Vector i = memory.read(at.gates), f = memory.read(at.gates + at.gate), g = memory.read(at.gates + 2 * at.gate),
               o = memory.read(at.gates + 3 * at.gate);
  lstm_cell_backward(i, f, g, o, memory.read(at.c_before), memory.read(at.tanh_c), memory.read(dh), dc, dz[0], dz[1],
                     dz[2], dz[3]);
  memory.write(at.dc, dc);
#pragma GCC unroll 4
  for (int q = 0; q < 4; ++q) memory.write(at.dz + q * at.gate, dz[q]);
}

/// Asks for what the cells of one panel will read of one column.
[[gnu::always_inline]] inline void prefetch(const LstmGradients& at) {
#pragma GCC unroll 4
  for (int m = 0; m < 4; ++m) {
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) __builtin_prefetch(at.gates + g * at.gate + m * kLanes, 0, 2);
    __builtin_prefetch(at.c_before + m * kLanes, 0, 2);
    __builtin_prefetch(at.tanh_c + m * kLanes, 0, 2);
  }
}

/// Units [first, last) of one step back; first is a multiple of kPanelRows, last is one or H.
template <class P>
inline void lstm_step_backward(const LstmBackwardStep<typename P::Word>& s, long first, long last) {
  constexpr long kColumns = 16 * kTileColumns, kDepth = 512;
  alignas(64) float dh_tile[kColumns * kPanelRows];
  const Target dh{dh_tile, kPanelRows, kLanes};
  const long panels = (last - first + kPanelRows - 1) / kPanelRows;
  for (long n = 0; n < panels; ++n) {
    const long u = first + (s.backwards ? panels - 1 - n : n) * kPanelRows;
    const long rows = last - u < kPanelRows ? last - u : kPanelRows;
    for (long j = 0; j < s.columns; j += kColumns) {
      const long wide = s.columns - j < kColumns ? s.columns - j : kColumns;
      const typename P::Word* const R = s.R_transposed + u * s.R_depth;
      const Operand<typename P::Word> dz = s.dz_after.from_column(j);
      Start start = Start{s.dh + u, s.dh_column, kLanes}.from_column(j);
      for (long b = 0; b < wide; ++b) prefetch(s.gradients.from_column(j + b).from_unit(u));
      for (long k = 0; k < s.depth || k == 0; k += kDepth, start = dh.as_start()) {
        const long deep = s.depth - k < kDepth ? s.depth - k : kDepth;
        const long next = k + deep;  // of this panel; the next one's beginning is not worth a case
        panel<P>(rows, deep, R + k * kPanelRows, kPanelRows, dz.from_row(k), start, dh, wide,
                 next < s.depth ? R + next * kPanelRows : nullptr);
      }
      for (long b = 0; b < wide; ++b) {
        const LstmGradients at = s.gradients.from_column(j + b).from_unit(u);
        const float* const dh_b = dh_tile + b * kPanelRows;
        long r = 0;
        for (; r + kLanes <= rows; r += kLanes) cells_backward(WholeVector{}, at.from_unit(r), dh_b + r);
        if (r < rows) cells_backward(PartOfVector{rows - r}, at.from_unit(r), dh_b + r);
      }
    }
  }
}

// SPDX-License-Identifier: MIT
// One step of a recurrence, forward and backward, for every level and cell: no include guard, no includes. Needs
// gemm.inl, the equations, and the structures of cpu/kernel_arguments.hpp.
//
// Forward, a tile is the gates of one vector of units x N columns. The initial accumulator is the input projection,
// R h(t-1) is added in registers, and the cell is computed at once: pre-activations are not written to `gates`.
// Backward, dh = dy + R^T dz(t+1) goes through a buffer in L1, from which the cell's gradients read it: tile and cell
// together do not fit in the registers.

/// Access to full or partial vectors of units.
struct FullVector {
  [[gnu::always_inline]] Vector read(const float* p) const { return load(p); }
  [[gnu::always_inline]] void write(float* p, Vector v) const { store(p, v); }
};
struct PartialVector {
  long lanes;
  [[gnu::always_inline]] Vector read(const float* p) const { return load_partial(p, lanes); }
  [[gnu::always_inline]] void write(float* p, Vector v) const { store_partial(p, v, lanes); }
};

/// Initial accumulator of R's gate `gate`: W x + b, or the bias alone.
template <class Cell, class Memory>
[[gnu::always_inline]] inline Vector gate_initial_accumulator(Memory memory, const StepCells& at, long column,
                                                              int gate) {
  return memory.read(gate_of_block<Cell>(gate) >= 0 ? at.gates + column * at.gates_column + gate * at.block
                                                    : at.bias + column * at.bias_column + gate * at.block);
}

/// The cells of one column and one vector of units: gates, c and h from the sums of R's gates.
template <class Cell, class Memory>
[[gnu::always_inline]] inline void cells(Memory memory, const Vector (&sum)[Cell::kGates], const StepCells& at,
                                         long column) {
  float* const gates = at.gates + column * at.gates_column;
  Vector z[Cell::kBlocks];
#pragma GCC unroll 4
  for (int g = 0; g < Cell::kGates; ++g) z[g] = sum[g];
#pragma GCC unroll 4
  for (int g = Cell::kGates; g < Cell::kBlocks; ++g) z[g] = memory.read(gates + g * at.block);
  Vector c, tanh_c, h;
  Equations<Cell>::forward(z, memory.read(at.before + column * at.before_column), c, tanh_c, h);
  if constexpr (Cell::kHasC) memory.write(at.c + column * at.c_column, c);
  memory.write(at.h + column * at.h_column, h);
  if (!at.save_for_backward) return;
  if constexpr (Cell::kHasC) memory.write(at.tanh_c + column * at.c_column, tanh_c);
#pragma GCC unroll 4
  for (int g = 0; g < Cell::kBlocks; ++g) memory.write(gates + g * at.block, z[g]);
}

/// As `cells`, for N columns whose sums were stored: one copy of this code serves all widths of a tile.
template <class Cell, class Memory>
[[gnu::noinline]] void cells_of_columns(Memory memory, const Vector (*sum)[Cell::kGates], const StepCells& at, int N) {
  for (int j = 0; j < N; ++j) cells<Cell>(memory, sum[j], at, j);
}

/// N columns of one vector of units.
template <class P, class Cell, int N, class Memory>
[[gnu::always_inline]] inline void gate_tile(Memory memory, long depth, const Packed* R, Operand h_before,
                                             const StepCells& at, Prefetch prefetch) {
  constexpr int G = Cell::kGates;
  Vector sum[N][G];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) sum[j][g] = gate_initial_accumulator<Cell>(memory, at, j, g);
  accumulate<P>(sum, depth, R, G * kLanes, h_before, prefetch);
  Vector spilled[N][G];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) spilled[j][g] = sum[j][g];
  cells_of_columns<Cell>(memory, spilled, at, N);
}

/// As gate_tile, for a last vector with only `lanes` units. A separate function, so that it takes no registers from the
/// usual case.
template <class P, class Cell, int N>
[[gnu::noinline]] void gate_tile_partial(long lanes, long depth, const Packed* R, Operand h_before,
                                         const StepCells& at) {
  gate_tile<P, Cell, N>(PartialVector{lanes}, depth, R, h_before, at, prefetch_quarter<Cell::kGates>(nullptr, 0, 0, R));
}

/// Two vectors of units of a single column: twice as many independent chains, to hide their latency.
template <class P, class Cell>
inline void gate_column_pair(long depth, const Packed* R, Operand h_before, const StepCells& at) {
  constexpr int G = Cell::kGates;
  constexpr long kRows = G * kLanes;
  Vector sum[2][G];
#pragma GCC unroll 2
  for (int p = 0; p < 2; ++p)
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g)
      sum[p][g] = gate_initial_accumulator<Cell>(FullVector{}, at.from_unit(p * kLanes), 0, g);
  const Packed* const R_next = R + depth * kRows;
  for (long k = 0; k < depth; ++k) {
    const Vector h = P::broadcast_packed(h_before.data[k * h_before.row]);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) sum[0][g] = P::multiply_add_packed(load(R + k * kRows + g * kLanes), h, sum[0][g]);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) sum[1][g] = P::multiply_add_packed(load(R_next + k * kRows + g * kLanes), h, sum[1][g]);
  }
#pragma GCC unroll 1
  for (int p = 0; p < 2; ++p) cells<Cell>(FullVector{}, sum[p], at.from_unit(p * kLanes), 0);
}

/// Units [first, last) of one step; first is a multiple of kLanes, last is one or H.
template <class P, class Cell>
inline void step(const RecurrentStep& s, long first, long last) {
  const long panel = s.depth * Cell::kGates * kLanes, grain = s.columns == 1 ? 2 * kLanes : kLanes;
  const long grains = (last - first + grain - 1) / grain;
  for (long n = 0; n < grains; ++n) {
    const long u = first + (s.reverse_unit_order ? grains - 1 - n : n) * grain;
    const Packed* const R = s.R + u / kLanes * panel;
    const StepCells at = s.cells.from_unit(u);
    const long units = last - u < grain ? last - u : grain;
    if (units == 2 * kLanes) {
      gate_column_pair<P, Cell>(s.depth, R, s.h_before, at);
      continue;
    }
    long index = 0;
    if (units >= kLanes)
      for_each_tile(
          s.columns, [&](auto width, long j) __attribute__((always_inline)) {
            const Prefetch prefetch = prefetch_quarter<Cell::kGates>(
                n + 1 < grains ? R + (s.reverse_unit_order ? -panel : panel) : nullptr, index++, s.depth, R);
            gate_tile<P, Cell, decltype(width)::value>(FullVector{}, s.depth, R, s.h_before.from_column(j),
                                                       at.from_column(j), prefetch);
          });
    if (const long whole = units >= kLanes ? kLanes : 0; whole < units)
      for_each_edge_tile(s.columns, [&](auto width, long j) {
        gate_tile_partial<P, Cell, decltype(width)::value>(units - whole, s.depth, R + whole / kLanes * panel,
                                                           s.h_before.from_column(j),
                                                           at.from_unit(whole).from_column(j));
      });
  }
}

/// Gate m of W belongs to the block that its product is added to.
template <class Cell>
struct BlockPlacement {
  static constexpr int at(int m) { return block_of_gate<Cell>(m); }
};
/// The same type for all cells whose blocks are their gates, so that they share kernels.
template <class Cell>
using GatePlacement = std::conditional_t<block_of_gate<Cell>(Cell::kGates - 1) == Cell::kGates - 1, ContiguousPlacement,
                                         BlockPlacement<Cell>>;

/// z = b + W x for units [first, last) of all gates.
template <class P, class Cell>
inline void project_gates(const GateProjection& s, long first, long last) {
  constexpr int G = Cell::kGates;
  const long panel = s.depth * G * kLanes;
  for (long u = first; u < last; u += kLanes) {
    const Packed* const W = s.W + u / kLanes * panel;
    const InitialAccumulator init{s.bias + u, 0, s.hidden};
    for (long t = 0; t < s.steps; ++t) {
      const Operand x = s.x.from_column(t * s.batch);
      const Output z{s.z + u + t * s.batch * s.z_column, s.z_column, s.hidden};
      if (last - u >= kLanes)
        tile_row<P, G, GatePlacement<Cell>>(s.depth, W, G * kLanes, x, init, z, s.columns,
                                            t == 0 && u + kLanes < last ? W + panel : nullptr);
      else
        tile_row_edge<P, G, GatePlacement<Cell>>(s.depth, W, G * kLanes, x, init, z, s.columns, last - u);
    }
  }
}

/// The gradients of the pre-activations from dh, for one vector of units of one column.
template <class Cell, class Memory>
[[gnu::always_inline]] inline void cells_backward(Memory memory, const StepGradients& at, const float* dh) {
  constexpr int N = Cell::kBlocks;
  Vector dc = memory.read(at.dc), tanh_c{}, gates[N], dz[N];
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q) gates[q] = memory.read(at.gates + q * at.block);
  if constexpr (Cell::kHasC) tanh_c = memory.read(at.tanh_c);
  Equations<Cell>::backward(gates, memory.read(at.before), tanh_c, memory.read(dh), dc, dz);
  memory.write(at.dc, dc);
#pragma GCC unroll 4
  for (int q = 0; q < N; ++q) memory.write(at.dz + q * at.block, dz[q]);
}

/// Prefetches what the cells of one panel read, for one column.
template <class Cell>
[[gnu::always_inline]] inline void prefetch_step_data(const StepGradients& at) {
#pragma GCC unroll 4
  for (int m = 0; m < 4; ++m) {
#pragma GCC unroll 4
    for (int q = 0; q < Cell::kBlocks; ++q) __builtin_prefetch(at.gates + q * at.block + m * kLanes, 0, 2);
    __builtin_prefetch(at.before + m * kLanes, 0, 2);
    if constexpr (Cell::kHasC) __builtin_prefetch(at.tanh_c + m * kLanes, 0, 2);
  }
}

/// Units [first, last) of one backward step; first is a multiple of kPanelRows, last is one or H.
template <class P, class Cell>
inline void step_backward(const BackwardStep& s, long first, long last) {
  constexpr long kColumns = 16 * kTileColumns, kDepth = 512;
  alignas(64) float dh_tile[kColumns * kPanelRows];
  const Output dh{dh_tile, kPanelRows, kLanes};
  const long panels = (last - first + kPanelRows - 1) / kPanelRows;
  for (long n = 0; n < panels; ++n) {
    const long u = first + (s.reverse_unit_order ? panels - 1 - n : n) * kPanelRows;
    const long rows = last - u < kPanelRows ? last - u : kPanelRows;
    for (long j = 0; j < s.columns; j += kColumns) {
      const long block_columns = s.columns - j < kColumns ? s.columns - j : kColumns;
      const Packed* const A = s.A + u * s.A_depth;
      const Operand b = s.b.from_column(j);
      InitialAccumulator init = s.dh.from_row(u).from_column(j);
      init.vector = kLanes;
      for (long i = 0; i < block_columns; ++i) prefetch_step_data<Cell>(s.gradients.from_column(j + i).from_unit(u));
      for (long k = 0; k < s.depth || k == 0; k += kDepth, init = dh.as_initial_accumulator()) {
        const long block_depth = s.depth - k < kDepth ? s.depth - k : kDepth;
        const long next = k + block_depth;  // in this panel only; the start of the next panel is not prefetched
        panel<P>(rows, block_depth, A + k * kPanelRows, kPanelRows, b.from_row(k), init, dh, block_columns,
                 next < s.depth ? A + next * kPanelRows : nullptr);
      }
      for (long i = 0; i < block_columns; ++i) {
        const StepGradients at = s.gradients.from_column(j + i).from_unit(u);
        const float* const dh_i = dh_tile + i * kPanelRows;
        long r = 0;
        for (; r + kLanes <= rows; r += kLanes) cells_backward<Cell>(FullVector{}, at.from_unit(r), dh_i + r);
        if (r < rows) cells_backward<Cell>(PartialVector{rows - r}, at.from_unit(r), dh_i + r);
      }
    }
  }
}

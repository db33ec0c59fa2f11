// SPDX-License-Identifier: MIT
// The GEMM micro-kernel of every level: no include guard, no includes. Needs vector.inl and the level's products.
//
// P is a product (products.inl). A is packed in panels of 4 vectors of rows: for each k the panel's rows are
// contiguous. A tile of 4 vectors x N columns of C stays in registers during the loop over k: load N elements of B,
// each broadcast to a vector, then for each of the 4 vectors of A one load and N multiply-adds. Every element of C is
// one chain of multiply-adds in the order of k: its result depends neither on the tile's shape and the number of
// columns nor on the thread that computes it.

/// Prefetch address, advanced by `step` bytes per k; with step 0 it is always the same line.
struct Prefetch {
  const char* at;
  long step;
};

/// Prefetches a quarter of the next panel, of M vectors, during tile `index` of a panel of `depth`; four tiles prefetch
/// all of it. If `next` is null, prefetches `here`, which is harmless.
template <int M>
[[gnu::always_inline]] inline Prefetch prefetch_quarter(const void* next, long index, long depth, const void* here) {
  constexpr long kBytes = M * kLanes;  // a quarter of the bytes per k
  const bool wanted = next != nullptr && index < 4;
  return {wanted ? static_cast<const char*>(next) + index * depth * kBytes : static_cast<const char*>(here),
          wanted ? kBytes : 0};
}

/// sum[j][m] += A's panel * B's column j. `a_step`: distance of consecutive k in A, in packed elements.
template <class P, int M, int N>
[[gnu::always_inline]] inline void accumulate(Vector (&sum)[N][M], long depth, const Packed* a, long a_step, Operand b,
                                              Prefetch prefetch) {
  for (long k = 0; k < depth; ++k, a += a_step, prefetch.at += prefetch.step) {
    __builtin_prefetch(prefetch.at, 0, 2);
    Vector column[N];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) column[j] = P::broadcast_packed(b.data[k * b.row + j * b.column]);
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Vector rows = load(a + m * kLanes);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[j][m] = P::multiply_add_packed(rows, column[j], sum[j][m]);
    }
  }
}

/// f(width, first) for tiles of at most kTileColumns columns and almost equal width; `width` is an integral constant.
template <class F>
[[gnu::always_inline]] inline void for_each_tile(long columns, F&& f) {
  const long tiles = (columns + kTileColumns - 1) / kTileColumns;
  for (long t = 0, j = 0; t < tiles; ++t) {
    const long width = (t + 1) * columns / tiles - j;
    switch (width) {
      case 1:
        f(std::integral_constant<int, 1>{}, j);
        break;
      case 2:
        f(std::integral_constant<int, 2>{}, j);
        break;
      case 3:
        f(std::integral_constant<int, 3>{}, j);
        break;
      case 4:
        if constexpr (kTileColumns >= 4) f(std::integral_constant<int, 4>{}, j);
        break;
      case 5:
        if constexpr (kTileColumns >= 5) f(std::integral_constant<int, 5>{}, j);
        break;
      case 6:
        if constexpr (kTileColumns >= 6) f(std::integral_constant<int, 6>{}, j);
        break;
    }
    j += width;
  }
}

/// The same in tiles of kTileColumns columns and of one: edges do not justify an instance for every width.
template <class F>
[[gnu::always_inline]] inline void for_each_edge_tile(long columns, F&& f) {
  long j = 0;
  for (; j + kTileColumns <= columns; j += kTileColumns) f(std::integral_constant<int, kTileColumns>{}, j);
  for (; j < columns; ++j) f(std::integral_constant<int, 1>{}, j);
}

/// f(first, count) for blocks of at most 4 kTileColumns columns and almost equal size: as many as a buffer in L1 holds.
inline constexpr long kBlockColumns = 4 * kTileColumns;
template <class F>
[[gnu::always_inline]] inline void for_each_block(long columns, F&& f) {
  const long blocks = (columns + kBlockColumns - 1) / kBlockColumns;
  for (long n = 0, first = 0; n < blocks; ++n) {
    const long count = (n + 1) * columns / blocks - first;
    f(first, count);
    first += count;
  }
}

/// Vector m of a column of C is at position m.
struct ContiguousPlacement {
  static constexpr int at(int m) { return m; }
};

/// One tile of C, M vectors of rows x N columns. Vector m of a column is at Placement::at(m) * c.vector.
template <class P, int M, int N, class Placement>
[[gnu::always_inline]] inline void tile(long depth, const Packed* a, long a_step, Operand b, InitialAccumulator init,
                                        Output c, Prefetch prefetch) {
  Vector sum[N][M];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m)
      sum[j][m] = init.data ? load(init.data + j * init.column + Placement::at(m) * init.vector) : Vector{};
  accumulate<P>(sum, depth, a, a_step, b, prefetch);
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) store(c.data + j * c.column + Placement::at(m) * c.vector, sum[j][m]);
}

/// Prefetches the first of `count` columns that a tile of N will write, M vectors each, while another tile computes.
template <int M, int N, class Placement>
[[gnu::always_inline]] inline void prefetch_tile(Output c, long count) {
  const long columns = count < N ? count : N;
  for (long j = 0; j < columns; ++j)
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) __builtin_prefetch(c.data + j * c.column + Placement::at(m) * c.vector, 1);
}

/// M vectors of rows of C times all columns. `next`: the panel to prefetch, or null.
template <class P, int M, class Placement = ContiguousPlacement>
inline void tile_row(long depth, const Packed* a, long a_step, Operand b, InitialAccumulator init, Output c,
                     long columns, const void* next = nullptr) {
  long index = 0;
  for_each_tile(
      columns, [&](auto width, long j) __attribute__((always_inline)) {
        constexpr int N = decltype(width)::value;
        prefetch_tile<M, N, Placement>(c.from_column(j + N), columns - j - N);
        tile<P, M, N, Placement>(depth, a, a_step, b.from_column(j), init.from_column(j), c.from_column(j),
                                 prefetch_quarter<M>(next, index++, depth, a));
      });
}

/// As tile_row, but only the first `lanes` rows of each vector belong to C: results go through a buffer.
template <class P, int M, class Placement = ContiguousPlacement>
inline void tile_row_edge(long depth, const Packed* a, long a_step, Operand b, InitialAccumulator init, Output c,
                          long columns, long lanes) {
  alignas(64) float buffer[kBlockColumns * M * kLanes];
  const Output to_buffer{buffer, M * kLanes, kLanes};
  for_each_block(columns, [&](long first, long count) {
    for (long j = 0; j < count; ++j)
      for (int m = 0; m < M; ++m)
        store(buffer + (j * M + m) * kLanes,
              init.data ? load_partial(init.data + (first + j) * init.column + Placement::at(m) * init.vector, lanes)
                        : Vector{});
    tile_row<P, M>(depth, a, a_step, b.from_column(first), to_buffer.as_initial_accumulator(), to_buffer, count);
    for (long j = 0; j < count; ++j)
      for (int m = 0; m < M; ++m)
        store_partial(c.data + (first + j) * c.column + Placement::at(m) * c.vector,
                      load(buffer + (j * M + m) * kLanes), lanes);
  });
}

/// One panel of C, `rows` of its kPanelRows rows, all columns.
template <class P>
inline void panel(long rows, long depth, const Packed* a, long a_step, Operand b, InitialAccumulator init, Output c,
                  long columns, const void* next = nullptr) {
  if (rows == kPanelRows) {
    tile_row<P, 4>(depth, a, a_step, b, init, c, columns, next);
    return;
  }
  long r = 0;
  for (; rows - r >= kLanes; r += kLanes)
    tile_row<P, 1>(depth, a + r, a_step, b, init.from_row(r), c.from_row(r), columns);
  if (r < rows) tile_row_edge<P, 1>(depth, a + r, a_step, b, init.from_row(r), c.from_row(r), columns, rows - r);
}

/// C = init + packed A * B, in blocks of k such that the block of a panel and of B fit in L2.
template <class P>
inline void multiply_packed(long rows, long depth, const Packed* packed, Operand b, InitialAccumulator init, Output c,
                            long columns) {
  constexpr long kDepth = 512;
  init.vector = c.vector = kLanes;
  for (long k = 0; k < depth || k == 0; k += kDepth) {
    const long block_depth = depth - k < kDepth ? depth - k : kDepth;
    for (long r = 0; r < rows; r += kPanelRows) {
      const long count = rows - r < kPanelRows ? rows - r : kPanelRows;
      panel<P>(count, block_depth, packed + r * depth + k * kPanelRows, kPanelRows, b.from_row(k),
               k == 0 ? init.from_row(r) : c.from_row(r).as_initial_accumulator(), c.from_row(r), columns,
               r + kPanelRows < rows ? packed + (r + kPanelRows) * depth + k * kPanelRows : nullptr);
    }
  }
}

/// C += op(A) * B for an A that is used once: panels are packed on the stack, in blocks of k that fit there, and of
/// columns such that B's block fits in L2.
inline void multiply(long rows, long depth, const float* a, long row_step, long k_step, Operand b, float* c,
                     long c_column, long columns) {
  constexpr long kDepth = 65536 / 4 / kPanelRows;  // 64 KiB
  constexpr long kColumns = 512;
  alignas(64) float packed[kDepth * kPanelRows];
  for (long j = 0; j < columns; j += kColumns) {
    const long block_columns = columns - j < kColumns ? columns - j : kColumns;
    for (long r = 0; r < rows; r += kPanelRows) {
      const long count = rows - r < kPanelRows ? rows - r : kPanelRows;
      const Output at{c + r + j * c_column, c_column, kLanes};
      for (long k = 0; k < depth; k += kDepth) {
        const long block_depth = depth - k < kDepth ? depth - k : kDepth;
        const float* const a_at = a + r * row_step + k * k_step;
        const Operand b_at = b.from_column(j).from_row(k);
        if (row_step == 1 && block_columns < 8 && count == kPanelRows) {  // packing would cost more than it saves
          panel<Fp32>(count, block_depth, a_at, k_step, b_at, at.as_initial_accumulator(), at, block_columns);
        } else {
          pack_panel(count, block_depth, a_at, row_step, k_step, packed);
          panel<Fp32>(count, block_depth, packed, kPanelRows, b_at, at.as_initial_accumulator(), at, block_columns);
        }
      }
    }
  }
}

/// sum += the sum of the columns of a, in order, for `rows` rows of a panel.
inline void add_columns(long rows, long columns, const float* a, long a_column, float* sum) {
  if (rows == kPanelRows) {
    Vector total[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) total[m] = load(sum + m * kLanes);
    for (long k = 0; k < columns; ++k)
#pragma GCC unroll 4
      for (int m = 0; m < 4; ++m) total[m] += load(a + k * a_column + m * kLanes);
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) store(sum + m * kLanes, total[m]);
  } else {
    for (long k = 0; k < columns; ++k)
      for (long i = 0; i < rows; ++i) sum[i] += a[i + k * a_column];
  }
}

/// See GradientSums. dZ is packed once for W and R, by `pack_dz`: one copy of this code serves all precisions.
template <class P>
[[gnu::noinline]] void add_gradients(const GradientSums& s, long first, long last,
                                     void (*pack_dz)(long, const float*, long, long, Packed*, long, long)) {
  alignas(64) Packed packed[GradientSums::kMaxDepth * kPanelRows];
  const long depth = packed_depth<P>(s.columns);
  for (long r = first; r < last; r += kPanelRows) {
    const long rows = last - r < kPanelRows ? last - r : kPanelRows;
    pack_dz(s.columns, s.dz + r, 1, s.dz_column, packed, 0, rows);
    const auto add = [&](Output to, Operand right, long columns) __attribute__((always_inline)) {
      if (columns > 0) panel<P>(rows, depth, packed, kPanelRows, right, to.as_initial_accumulator(), to, columns);
    };
    add(Output{s.dW, s.dW_column, kLanes}.from_row(s.inputs > 0 ? r : 0), s.x, s.inputs);
    add(Output{s.dR, s.dR_column, kLanes}.from_row(s.hidden > 0 ? r : 0), s.h, s.hidden);
    if (s.db) add_columns(rows, s.columns, s.dz + r, s.dz_column, s.db + r);
  }
}

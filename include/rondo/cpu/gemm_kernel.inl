// SPDX-License-Identifier: MIT
// The inner product kernel, compiled once for each level: no include guard, no includes. The including file has opened a
// namespace that holds the level's `Vector` of floats, `multiply_add(a, b, c)` = a * b + c, and `kTileColumns`.
//
// A is packed in panels of 4 vectors of rows: for each k the panel's rows lie together. A tile of 4 vectors x N columns of C
// stays in registers while k runs: load N values of B, each spread over a vector, then for each of the 4 vectors of A one
// load and N multiply-adds. Every element of C is one chain of multiply-adds in the order of k, whatever the tile: its bits
// depend neither on how many columns stand beside it nor on who computes them.

typedef float UnalignedVector __attribute__((vector_size(sizeof(Vector)), aligned(4), may_alias));
inline constexpr long kLanes = sizeof(Vector) / sizeof(float);
inline constexpr long kPanelRows = 4 * kLanes;

[[gnu::always_inline]] inline Vector load(const float* p) { return *reinterpret_cast<const UnalignedVector*>(p); }
[[gnu::always_inline]] inline void store(float* p, Vector v) { *reinterpret_cast<UnalignedVector*>(p) = v; }

/// C's tile, M vectors of rows x N columns, += A's panel * B. `a_step` is the distance from one k to the next in A.
template <int M, int N>
[[gnu::always_inline]] inline void tile(long depth, const float* a, long a_step, Operand b, float* c, long c_stride) {
  Vector sum[N][M];
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) sum[j][m] = load(c + j * c_stride + m * kLanes);
  for (long k = 0; k < depth; ++k, a += a_step) {
    Vector spread[N];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) spread[j] = b.data[k * b.row + j * b.column] - Vector{};
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Vector rows = load(a + m * kLanes);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) sum[j][m] = multiply_add(rows, spread[j], sum[j][m]);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < N; ++j)
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) store(c + j * c_stride + m * kLanes, sum[j][m]);
}

/// M vectors of rows of C against all columns, in tiles of nearly equal width.
template <int M>
inline void sweep(long depth, const float* a, long a_step, Operand b, float* c, long c_stride, long columns) {
  const long tiles = (columns + kTileColumns - 1) / kTileColumns;
  for (long t = 0, j = 0; t < tiles; ++t) {
    const long width = (t + 1) * columns / tiles - j;
    const Operand at{b.data + j * b.column, b.row, b.column};
    float* const c_at = c + j * c_stride;
    switch (width) {
      case 1: tile<M, 1>(depth, a, a_step, at, c_at, c_stride); break;
      case 2: tile<M, 2>(depth, a, a_step, at, c_at, c_stride); break;
      case 3: tile<M, 3>(depth, a, a_step, at, c_at, c_stride); break;
      case 4: if constexpr (kTileColumns >= 4) tile<M, 4>(depth, a, a_step, at, c_at, c_stride); break;
      case 5: if constexpr (kTileColumns >= 5) tile<M, 5>(depth, a, a_step, at, c_at, c_stride); break;
      case 6: if constexpr (kTileColumns >= 6) tile<M, 6>(depth, a, a_step, at, c_at, c_stride); break;
    }
    j += width;
  }
}

/// One panel of C, `rows` of its kPanelRows rows, against all columns. Rows that fill no vector go by way of `edge`.
inline void panel(long rows, long depth, const float* a, long a_step, Operand b, float* c, long c_stride, long columns) {
  if (rows == kPanelRows) {
    sweep<4>(depth, a, a_step, b, c, c_stride, columns);
    return;
  }
  long r = 0;
  if (rows - r >= 2 * kLanes) {
    sweep<2>(depth, a + r, a_step, b, c + r, c_stride, columns);
    r += 2 * kLanes;
  }
  for (; rows - r >= kLanes; r += kLanes) sweep<1>(depth, a + r, a_step, b, c + r, c_stride, columns);
  if (r == rows) return;
  alignas(64) float edge[kLanes];
  for (long j = 0; j < columns; ++j) {
    for (long i = 0; i < kLanes; ++i) edge[i] = r + i < rows ? c[r + i + j * c_stride] : 0.0f;
    tile<1, 1>(depth, a + r, a_step, {b.data + j * b.column, b.row, b.column}, edge, kLanes);
    for (long i = 0; r + i < rows; ++i) c[r + i + j * c_stride] = edge[i];
  }
}

/// Rows [0, rows) of op(A) as one panel: to[k * kPanelRows + i] = op(A)(i, k), zero past the last row.
inline void pack_panel(long rows, long depth, const float* a, long row_step, long k_step, float* to) {
  if (rows < kPanelRows)
    for (long i = 0; i < kPanelRows * depth; ++i) to[i] = 0.0f;
  if (row_step == 1 && rows == kPanelRows) {
    for (long k = 0; k < depth; ++k)
#pragma GCC unroll 4
      for (int m = 0; m < 4; ++m) store(to + k * kPanelRows + m * kLanes, load(a + k * k_step + m * kLanes));
  } else if (row_step == 1) {
    for (long k = 0; k < depth; ++k)
      for (long i = 0; i < rows; ++i) to[k * kPanelRows + i] = a[i + k * k_step];
  } else {
    constexpr long kBlock = 16;  // read along rows of A and write along k, in blocks that both find in cache
    for (long k = 0; k < depth; k += kBlock) {
      const long end = depth - k < kBlock ? depth : k + kBlock;
      for (long i = 0; i < rows; ++i)
        for (long q = k; q < end; ++q) to[q * kPanelRows + i] = a[i * row_step + q * k_step];
    }
  }
}

/// Floats that `pack` writes for a rows x depth matrix.
inline long packed_size(long rows, long depth) { return (rows + kPanelRows - 1) / kPanelRows * kPanelRows * depth; }

/// All of op(A), panel after panel. op(A)(i, k) is a[i * row_step + k * k_step].
inline void pack(long rows, long depth, const float* a, long row_step, long k_step, float* to) {
  for (long r = 0; r < rows; r += kPanelRows, to += kPanelRows * depth) {
    const long count = rows - r < kPanelRows ? rows - r : kPanelRows;
    pack_panel(count, depth, a + r * row_step, row_step, k_step, to);
  }
}

/// C += packed A * B.
inline void multiply_packed(long rows, long depth, const float* packed, Operand b, float* c, long c_stride, long columns) {
  for (long r = 0; r < rows; r += kPanelRows) {
    const long count = rows - r < kPanelRows ? rows - r : kPanelRows;
    panel(count, depth, packed + r * depth, kPanelRows, b, c + r, c_stride, columns);
  }
}

/// C += op(A) * B, where A is used once: panels are packed on the stack, as deep as fits there.
inline void multiply(long rows, long depth, const float* a, long row_step, long k_step, Operand b, float* c, long c_stride,
                     long columns) {
  constexpr long kDepth = 65536 / 4 / kPanelRows;  // 64 KiB
  alignas(64) float packed[kDepth * kPanelRows];
  for (long r = 0; r < rows; r += kPanelRows) {
    const long count = rows - r < kPanelRows ? rows - r : kPanelRows;
    for (long k = 0; k < depth; k += kDepth) {
      const long deep = depth - k < kDepth ? depth - k : kDepth;
      const float* const at = a + r * row_step + k * k_step;
      const Operand b_at{b.data + k * b.row, b.row, b.column};
      if (row_step == 1 && columns < 8 && count == kPanelRows) {  // too few columns to be worth packing for
        panel(count, deep, at, k_step, b_at, c + r, c_stride, columns);
        continue;
      }
      pack_panel(count, deep, at, row_step, k_step, packed);
      panel(count, deep, packed, kPanelRows, b_at, c + r, c_stride, columns);
    }
  }
}

inline constexpr GemmKernels kKernels{packed_size, pack, multiply_packed, multiply};

// SPDX-License-Identifier: MIT
// Packing of a product's left operand, for every level: no include guard, no includes. Needs vector.inl.
//
// A panel holds, for each k, M vectors of rows: to[(k * M + m) * kLanes + i]. In a panel of rows M is 4 and the vectors
// are consecutive rows; in a panel of gates they are the M gates of one vector of units, H rows apart.

inline constexpr long kPanelRows = 4 * kLanes;

/// Merges lanes of a and b. Low half: a's lane i where lane & Step is 0, else b's lane i - Step. High half: a's lane
/// i + Step there, else b's lane i.
template <int Step, std::size_t... I>
[[gnu::always_inline]] inline Vector interleave_low(Vector a, Vector b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (I & Step ? kLanes + I - Step : I)...);
}
template <int Step, std::size_t... I>
[[gnu::always_inline]] inline Vector interleave_high(Vector a, Vector b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (I & Step ? kLanes + I : I + Step)...);
}

/// Transposes kLanes x kLanes floats in registers, one bit of the index at a time.
template <int Step = 1>
[[gnu::always_inline]] inline void transpose(Vector (&rows)[kLanes]) {
  constexpr auto lanes = std::make_index_sequence<kLanes>{};
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    if (!(i & Step)) {
      const Vector low = interleave_low<Step>(rows[i], rows[i + Step], lanes);
      rows[i + Step] = interleave_high<Step>(rows[i], rows[i + Step], lanes);
      rows[i] = low;
    }
  if constexpr (2 * Step < kLanes) transpose<2 * Step>(rows);
}

/// Packs one vector of a panel of M, `lanes` rows of it, then zeros: to[k * M * kLanes + i] = a[i * row_step + k *
/// k_step].
template <int M>
inline void pack_vector(long lanes, long depth, const float* a, long row_step, long k_step, float* to) {
  constexpr long kRows = M * kLanes;
  long k = 0;
  if (lanes == kLanes && k_step == 1)
    for (; k + kLanes <= depth; k += kLanes) {
      Vector block[kLanes];
      for (int i = 0; i < kLanes; ++i) block[i] = load(a + i * row_step + k);
      transpose(block);
      for (int i = 0; i < kLanes; ++i) store(to + (k + i) * kRows, block[i]);
    }
  for (; k < depth; ++k)
    for (long i = 0; i < kLanes; ++i) to[k * kRows + i] = i < lanes ? a[i * row_step + k * k_step] : 0.0f;
}

/// Packs a panel whose vector m begins at row m * vector_rows of op(A) and has lanes[m] rows.
template <int M>
inline void pack_vectors(const long (&lanes)[M], long depth, const float* a, long row_step, long k_step,
                         long vector_rows, float* to) {
  if (row_step == 1 && lanes[0] == kLanes &&
      lanes[M - 1] == kLanes) {  // all vectors at once, so that each page is accessed once per k
    for (long k = 0; k < depth; ++k)
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) store(to + (k * M + m) * kLanes, load(a + k * k_step + m * vector_rows));
    return;
  }
  for (int m = 0; m < M; ++m)
    pack_vector<M>(lanes[m], depth, a + m * vector_rows * row_step, row_step, k_step, to + m * kLanes);
}

/// Packs rows [0, rows) of op(A) as one panel of rows, zero past the last.
inline void pack_panel(long rows, long depth, const float* a, long row_step, long k_step, float* to) {
  long lanes[4];
  for (int m = 0; m < 4; ++m) {
    const long left = rows - m * kLanes;
    lanes[m] = left < 0 ? 0 : left < kLanes ? left : kLanes;
  }
  pack_vectors<4>(lanes, depth, a, row_step, k_step, kLanes, to);
}

/// Packs units [u, u + kLanes) of M gates as one panel; op(A) has M * hidden rows.
template <int M>
inline void pack_gate_panel(long hidden, long u, long depth, const float* a, long row_step, long k_step, float* to) {
  const long left = hidden - u < kLanes ? hidden - u : kLanes;
  long lanes[M];
  for (long& count : lanes) count = left;
  pack_vectors<M>(lanes, depth, a + u * row_step, row_step, k_step, hidden, to);
}

/// Precision::bf16. Values are rounded and packed as the level's Bf16Product multiplies them: as floats or in pairs.
struct Bf16 {
  using Product = Bf16Product;
};

/// pack_floats(k, depth, to) writes the floats of one panel of M vectors from k on. They are stored unchanged, rounded,
/// or rounded and paired.
template <class P, int M, class PackFloats>
inline void pack_elements(long depth, Packed* to, PackFloats&& pack_floats) {
  constexpr long kRows = M * kLanes;
  if constexpr (P::Product::kValues == 1) {
    pack_floats(0, depth, to);
    if constexpr (!std::is_same_v<P, Fp32>)
      for (long i = 0; i < depth * kRows; i += kLanes) store(to + i, rounded(load(to + i)));
  } else {
    constexpr long kDepth = 64;
    alignas(64) float floats[(kDepth + 1) * kRows];
    for (long k = 0; k < depth; k += kDepth) {
      const long block_depth = depth - k < kDepth ? depth - k : kDepth;
      pack_floats(k, block_depth, floats);
      std::memset(floats + block_depth * kRows, 0, kRows * sizeof(float));  // zero padding of an odd depth
      for (long q = 0; q < block_depth; q += 2, to += kRows)
        for (long i = 0; i < kRows; i += kLanes) {
          const float* const at = floats + q * kRows + i;
          store(to + i, reinterpret_cast<Vector>(pair(load(at), load(at + kRows))));
        }
    }
  }
}

/// Packed elements for `depth` values.
template <class Product>
constexpr long packed_depth(long depth) {
  return (depth + Product::kValues - 1) / Product::kValues;
}

/// Packs rows [first, last) of op(A) in panels of rows; first is a multiple of kPanelRows, last is one or the row
/// count.
template <class P>
inline void pack(long depth, const float* a, long row_step, long k_step, Packed* to, long first, long last) {
  for (long r = first; r < last; r += kPanelRows)
    pack_elements<P, 4>(depth, to + r * packed_depth<typename P::Product>(depth),
                        [&](long k, long block_depth, float* floats) {
                          pack_panel(last - r, block_depth, a + r * row_step + k * k_step, row_step, k_step, floats);
                        });
}

/// Packs units [first, last) of M gates in panels of gates; first is a multiple of kLanes, last is one or H.
template <class P, int M>
inline void pack_gates(long hidden, long depth, const float* a, long row_step, long k_step, Packed* to, long first,
                       long last) {
  for (long u = first; u < last; u += kLanes)
    pack_elements<P, M>(depth, to + u * M * packed_depth<typename P::Product>(depth),
                        [&](long k, long block_depth, float* floats) {
                          pack_gate_panel<M>(hidden, u, block_depth, a + k * k_step, row_step, k_step, floats);
                        });
}

/// Copies of right operands in precision Bf16; see ProductKernels.
template <class Product>
inline void copy_as_bf16(const float* from, long count, void* to) {
  if constexpr (Product::kValues == 1)
    copy_rounded(from, count, static_cast<float*>(to));
  else
    to_bf16(from, count, static_cast<std::uint16_t*>(to));
}

template <class Product>
inline void copy_transposed_as_bf16(long columns, const float* a, long a_column, Packed* to, long to_row, long first,
                                    long last) {
  if constexpr (Product::kValues == 1)
    for (long j = 0; j < columns; ++j) copy_rounded(a + j * a_column + first, last - first, to + j * to_row + first);
  else
    pair_columns(columns, a, a_column, to, to_row, first, last);
}

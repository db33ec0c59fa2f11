// SPDX-License-Identifier: MIT
// bfloat16, the upper half of a float: rounding, and copies as floats or as pairs. No include guard, no includes. Needs
// vector.inl.

typedef std::uint16_t HalfVector __attribute__((vector_size(sizeof(Vector) / 2)));
typedef std::uint16_t UnalignedHalfVector __attribute__((vector_size(sizeof(Vector) / 2), aligned(2), may_alias));

/// The bits of v rounded to bfloat16, to nearest and ties to even, in the upper halves; NaN stays NaN.
[[gnu::always_inline]] inline UintVector round_to_bf16(Vector v) {
  const UintVector bits = reinterpret_cast<UintVector>(v);
  const UintVector rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return (v == v ? rounded : (bits | 0x400000u)) & 0xffff0000u;
}

/// Packed elements with `even` in the low half and `odd` in the high half.
[[gnu::always_inline]] inline UintVector pair(Vector even, Vector odd) {
  return (round_to_bf16(even) >> 16) | round_to_bf16(odd);
}

/// v rounded to bfloat16, as floats.
[[gnu::always_inline]] inline Vector rounded(Vector v) { return reinterpret_cast<Vector>(round_to_bf16(v)); }

/// Copies `count` floats, rounded to bfloat16.
inline void copy_rounded(const float* from, long count, float* to) {
  long i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, rounded(load(from + i)));
  if (i < count) store_partial(to + i, rounded(load_partial(from + i, count - i)), count - i);
}

/// Converts `count` floats to contiguous bfloat16; read as packed elements they pair neighbouring k.
inline void to_bf16(const float* from, long count, std::uint16_t* to) {
  long i = 0;
  for (; i + kLanes <= count; i += kLanes)
    *reinterpret_cast<UnalignedHalfVector*>(to + i) =
        __builtin_convertvector(round_to_bf16(load(from + i)) >> 16, HalfVector);
  if (i == count) return;
  const HalfVector last = __builtin_convertvector(round_to_bf16(load_partial(from + i, count - i)) >> 16, HalfVector);
  std::memcpy(to + i, &last, static_cast<std::size_t>(count - i) * sizeof(std::uint16_t));
}

/// Packs pairs of neighbouring columns, rows [first, last): element (k, i) of `to` holds a(i, 2k) and a(i, 2k + 1),
/// with zero past the last column.
inline void pair_columns(long columns, const float* a, long a_column, Packed* to, long to_row, long first, long last) {
  for (long j = 0; j < columns; j += 2, a += 2 * a_column, to += to_row) {
    const bool both = j + 1 < columns;
    long i = first;
    for (; i + kLanes <= last; i += kLanes)
      store(to + i, reinterpret_cast<Vector>(pair(load(a + i), both ? load(a + a_column + i) : Vector{})));
    if (i == last) continue;
    store_partial(to + i,
                  reinterpret_cast<Vector>(
                      pair(load_partial(a + i, last - i), both ? load_partial(a + a_column + i, last - i) : Vector{})),
                  last - i);
  }
}

// SPDX-License-Identifier: MIT
// Layers with weights of bf16 or int8, for every level: no include guard, no includes. Such a layer is limited by
// reading its weights, so the product and the cells are two passes: the product does not depend on the cell. Needs
// kernels/stream_cells.inl and the level's products of integers (`Int8` of levels/*_streams.inl).

/// 4 registers of rows of bf16: an element holds two neighbouring k, the first in the low half. Even and odd k are two
/// chains, whose order depends on no level.
inline void stream_multiply_bf16(const StreamProduct& p) {
  const long panels = (p.registers + 3) / 4, panel_bytes = p.depth * 2 * 4 * kLanes;
  for (long i = 0; i < panels; ++i) {
    const long panel = p.reverse ? panels - 1 - i : i;
    for (long column = 0; column < p.columns; ++column) {
      const float* const v = p.v + column * p.v_step;
      const char* weights = static_cast<const char*>(p.weights) + panel * panel_bytes;
      Vector even[4] = {}, odd[4] = {};
      for (long k = 0; k < p.depth; k += 2) {
        const Vector first = broadcast(v[k]), second = broadcast(v[k + 1]);
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q, weights += sizeof(Vector)) {
          const UintVector both = as_bits(opaque(load(weights)));  // one load
          even[q] = multiply_add(from_bits(both << 16), first, even[q]);
          odd[q] = multiply_add(from_bits(both & 0xffff0000u), second, odd[q]);
        }
      }
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        if (panel * 4 + q >= p.registers) break;
        float* const z = p.z + column * p.z_step + p.to(panel * 4 + q) * kLanes;
        store(z, load(z) + (even[q] + odd[q]));
      }
    }
  }
}

/// A column of v as integers: their factor, and their sum.
struct QuantisedColumn {
  float scale;
  std::uint32_t sum;
};

/// Rounds v to integers of at most `limit`, relative to its largest value. The scale is NaN if a value is.
template <class Int8>
[[gnu::always_inline]] inline QuantisedColumn quantise_column(const StreamProduct& p, const float* v,
                                                              std::int16_t* to) {
  IntVector largest = {};  // magnitudes have the same order as integers, and NaN is the largest
  for (long k = 0; k < p.depth; k += kLanes) {
    const IntVector magnitude = __builtin_bit_cast(IntVector, as_bits(load(v + k)) & 0x7fffffffu);
    largest = magnitude > largest ? magnitude : largest;
  }
  const float peak = __builtin_bit_cast(float, largest_lane(largest));
  const Vector factor = broadcast(peak >= kFlushThreshold ? p.limit / peak : 0.0f);
  const Vector magic = broadcast(12582912.0f);  // 1.5 * 2^23: the sum ends in the nearest integer
  UintVector sum = {};
  for (long k = 0; k < p.depth; k += kLanes) {
    const UintVector integers = as_bits(load(v + k) * factor + magic) - as_bits(magic);
    sum += integers;
    Int8::store(to, p.depth, k, integers);
  }
  return {peak / p.limit, sum_of_integers(sum)};
}

/// Int8: the level's product of one panel. The sums are exact, so that they have the same bits at every level.
template <class Int8>
void stream_multiply_int8(const StreamProduct& p) {
  static_assert(sizeof(QuantisedColumn) == kQuantisedHeader * sizeof(std::int16_t));
  for (long column = 0; column < p.columns; ++column) {
    std::int16_t* const to = p.quantised + column * p.quantised_step;
    const QuantisedColumn about = quantise_column<Int8>(p, p.v + column * p.v_step, to + kQuantisedHeader);
    std::memcpy(to, &about, sizeof(about));
  }
  const long panels = (p.registers + 3) / 4, panel_bytes = p.depth * 4 * kLanes;
  for (long i = 0; i < panels; ++i) {
    const long panel = p.reverse ? panels - 1 - i : i;
    for (long column = 0; column < p.columns; ++column) {
      const std::int16_t* const v = p.quantised + column * p.quantised_step;
      QuantisedColumn about;
      std::memcpy(&about, v, sizeof(about));
      UintVector sums[4];
      Int8::multiply(static_cast<const unsigned char*>(p.weights) + panel * panel_bytes, v + kQuantisedHeader, p.depth,
                     about.sum, sums);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const long r = panel * 4 + q;
        if (r >= p.registers) break;
        float* const z = p.z + column * p.z_step + p.to(r) * kLanes;
        store(z, multiply_add(to_float(sums[q]), load(p.scales + r * kLanes) * broadcast(about.scale), load(z)));
      }
    }
  }
}

/// The cells of one step of all voices, as StreamRun. z: sums of each voice.
template <class Cell, class Tanh>
void stream_reduced_cells(const StreamData& s, long, const float*, long, const float* z, float* y) {
  const Tanh tanh;
  const long padded = (s.units + kLanes - 1) / kLanes * kLanes;
  const bool reverse = *s.reverse;
  for (long voice = 0; voice < s.voices; ++voice) {
    float* const h = s.h + voice * s.state_step;
    float* const c = s.c + voice * s.state_step;
    const float* const before = h + (reverse ? padded : 0);
    float* const after = h + (reverse ? 0 : padded);
    for (long unit = 0; unit < padded; unit += kLanes, z += 4 * kLanes) {
      const Vector sum[1][4] = {{load(z), load(z + kLanes), load(z + 2 * kLanes), load(z + 3 * kLanes)}};
      stream_update_units<Cell, 1, 0>(s, tanh, sum, before + unit, after + unit, c + unit,
                                      s.out + voice * s.out_step + unit);
    }
    if (s.head != nullptr) y[voice] = stream_head(s, after, padded);
  }
  *s.reverse = !reverse;
}

template <class Cell, class Int8>
StreamForm stream_reduced_form(long hidden, bool fast, bool int8) {
  return {{kLanes, (hidden + 3) / 4 * 4, false},
          stream_project,
          fast ? stream_reduced_cells<Cell, FastTanh> : stream_reduced_cells<Cell, ExactTanh>,
          nullptr,
          int8 ? stream_multiply_int8<Int8> : stream_multiply_bf16,
          Int8::kGroup,
          Int8::kOffset};
}

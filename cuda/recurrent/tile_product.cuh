// SPDX-License-Identifier: MIT
// The product of a persistent algorithm on tensor cores: the counterpart of fma_product.cuh. An Arithmetic class
// defines the element type and multiplies one tile.
#pragma once

#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// Two neighbouring tiles have their k's in this order: of the 16 bytes of a lane's column from k = 8 place (16-bit
/// elements) or 4 place (floats) on, the first 8 belong to the first tile, the others to the second. So a lane reads
/// both with one load. `k` of an element: the word of 4 bytes in the tile (0 or 1), the element in the word.
template <class Element>
__device__ constexpr int k_in_pair(int place, int tile, int word, int element) {
  constexpr int kPerWord = 4 / sizeof(Element);
  return (4 * place + 2 * tile + word) * kPerWord + element;
}

/// The registers of a tile of the weights, of one lane: a[i] has row i % 2 * 8 and word i / 2.
struct WeightTile {
  std::uint32_t words[4];
};

/// d[column][i % kChains] += a[i] b[column][i] for the tiles i of a group: neighbouring products are of different
/// chains.
template <class Kind, int kColumnTiles, int kChains>
__device__ void multiply_group(Kind kind, float (&d)[kColumnTiles][kChains][4], const WeightTile* a,
                               const std::uint32_t (&b)[kColumnTiles][kTileGroup][2]) {
#pragma unroll
  for (int i = 0; i < kTileGroup; ++i)
#pragma unroll
    for (int column = 0; column < kColumnTiles; ++column)
      device::multiply_tile(kind, d[column][i % kChains], a[i].words, b[column][i]);
}

/// 16-bit elements.
template <class Kind, Precision kPrecision>
struct HalfArithmetic {
  using Element = std::uint16_t;
  static constexpr int kRegisterTiles = register_tiles(kPrecision);
  static constexpr int kDepth = 16;
  static __device__ Element to_element(float value) { return device::round_to(Kind{}, value); }
  /// weight(row, word, element) of this lane.
  template <class Weight>
  static __device__ WeightTile load(const Weight& weight) {
    WeightTile a;
    for (int i = 0; i < 4; ++i) {
      const Element low = to_element(weight(i % 2 * 8, i / 2, 0)), high = to_element(weight(i % 2 * 8, i / 2, 1));
      a.words[i] = std::uint32_t{low} | std::uint32_t{high} << 16;
    }
    return a;
  }
  template <int kColumnTiles, int kChains>
  static __device__ void multiply(float (&d)[kColumnTiles][kChains][4], const WeightTile* a,
                                  const std::uint32_t (&b)[kColumnTiles][kTileGroup][2]) {
    multiply_group(Kind{}, d, a, b);
  }
};

using Bf16Arithmetic = HalfArithmetic<device::Bf16, Precision::bf16>;
using Fp16Arithmetic = HalfArithmetic<device::Fp16, Precision::fp16>;

/// float elements, of which the tensor cores use 11 bits of mantissa. With kParts = 2 each is split into a high part of
/// that size and a low part with the remainder; three of their four products are added, the small ones first.
template <int kParts>
struct Tf32Arithmetic {
  using Element = float;
  static constexpr int kRegisterTiles = register_tiles(kParts == 2 ? Precision::tf32x3 : Precision::tf32);
  static constexpr int kDepth = 8;
  static __device__ Element to_element(float value) { return value; }
  template <class Weight>
  static __device__ WeightTile load(const Weight& weight) {
    WeightTile a;
    for (int i = 0; i < 4; ++i) a.words[i] = __float_as_uint(weight(i % 2 * 8, i / 2, 0));
    return a;
  }
  template <int kColumnTiles, int kChains>
  static __device__ void multiply(float (&d)[kColumnTiles][kChains][4], const WeightTile* a,
                                  const std::uint32_t (&b)[kColumnTiles][kTileGroup][2]) {
    WeightTile a_high[kTileGroup], a_low[kTileGroup];
    std::uint32_t b_high[kColumnTiles][kTileGroup][2], b_low[kColumnTiles][kTileGroup][2];
#pragma unroll
    for (int i = 0; i < kTileGroup; ++i) {
#pragma unroll
      for (int n = 0; n < 4; ++n) split(a[i].words[n], a_high[i].words[n], a_low[i].words[n]);
#pragma unroll
      for (int column = 0; column < kColumnTiles; ++column)
#pragma unroll
        for (int n = 0; n < 2; ++n) split(b[column][i][n], b_high[column][i][n], b_low[column][i][n]);
    }
    if constexpr (kParts == 2) {
      multiply_group(device::Tf32{}, d, a_low, b_high);
      multiply_group(device::Tf32{}, d, a_high, b_low);
    }
    multiply_group(device::Tf32{}, d, a_high, b_high);
  }

 private:
  static __device__ void split(std::uint32_t bits, std::uint32_t& high, std::uint32_t& low) {
    const float value = __uint_as_float(bits), rounded = device::round_to(device::Tf32{}, value);
    high = __float_as_uint(rounded);
    if constexpr (kParts == 2) low = __float_as_uint(device::round_to(device::Tf32{}, value - rounded));
  }
};

/// An item is a row of 16 x kDepth tiles, or one split of it; a warp takes every kWarps-th. Its first item holds up to
/// kRegisterTiles tiles in registers; all others are in shared memory in the same layout, 16 bytes per lane. Tiles are
/// processed in groups of kTileGroup, whose products form independent chains: the latency of a product is several times
/// the time in which a tensor core can start the next one. Two tiles of columns share the weights that are read.
template <class Arithmetic>
class TileProduct {
 public:
  using Element = typename Arithmetic::Element;
  static __device__ Element to_element(float value) { return Arithmetic::to_element(value); }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    weights_ = reinterpret_cast<uint4*>(shared);
    lane_ = static_cast<int>(threadIdx.x) % 32, warp_ = static_cast<int>(threadIdx.x) / 32;
    items_ = s.rows / 16 * s.splits;
    tiles_ = s.depth / Arithmetic::kDepth / s.splits;
    in_registers_ = tiles_ < Arithmetic::kRegisterTiles ? tiles_ : Arithmetic::kRegisterTiles;
    for (int item = warp_; item < items_; item += kWarps) {
      const Place place = of(s, item);
      const auto tile = [&](int i) {
        return Arithmetic::load([&](int row, int word, int element) {
          const int k = (i - i % 2) * Arithmetic::kDepth + k_in_pair<Element>(lane_ % 4, i % 2, word, element);
          return weight(place.row + lane_ / 4 + row, place.k + k);
        });
      };
      if (item == warp_) {
#pragma unroll
        for (int i = 0; i < Arithmetic::kRegisterTiles; ++i)
          if (i < in_registers_) register_weights_[i] = tile(i);
      }
      for (int i = first_shared(item); i < tiles_; ++i) {
        const WeightTile a = tile(i);
        shared_tile(item, i) = uint4{a.words[0], a.words[1], a.words[2], a.words[3]};
      }
    }
  }

  __device__ void multiply(const PersistentShape& s, const Element* vectors, float* partial) const {
    for (int item = warp_; item < items_; item += kWarps) {
      int column = 0;
      for (; column + 8 < s.columns; column += 16) multiply_columns<2>(s, item, column, vectors, partial);
      if (column < s.columns) multiply_columns<1>(s, item, column, vectors, partial);
    }
  }

 private:
  struct Place {
    int row, k, split;
  };

  /// Columns [column, column + 8 kColumnTiles) of an item.
  template <int kColumnTiles>
  __device__ void multiply_columns(const PersistentShape& s, int item, int column, const Element* vectors,
                                   float* partial) const {
    constexpr int kChains = kTileGroup / kColumnTiles;
    const int group = lane_ / 4, place_in_group = lane_ % 4;
    const Place place = of(s, item);
    float d[kColumnTiles][kChains][4] = {};
    const Element* v[kColumnTiles];
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n) {  // past the last column: the last one, its results are not used
      const int c = column + 8 * n + group;
      v[n] = vectors + (c < s.columns ? c : s.columns - 1) * s.pitch + place.k +
             k_in_pair<Element>(place_in_group, 0, 0, 0);
    }
    const auto multiply = [&](const WeightTile* a, int i) {
      std::uint32_t b[kColumnTiles][kTileGroup][2];
#pragma unroll
      for (int n = 0; n < kColumnTiles; ++n)
#pragma unroll
        for (int j = 0; j < kTileGroup; j += 2) {
          const uint4 pair = *reinterpret_cast<const uint4*>(v[n] + (i + j) * Arithmetic::kDepth);
          b[n][j][0] = pair.x, b[n][j][1] = pair.y, b[n][j + 1][0] = pair.z, b[n][j + 1][1] = pair.w;
        }
      Arithmetic::multiply(d, a, b);
    };
    if (item == warp_) {
#pragma unroll
      for (int i = 0; i < Arithmetic::kRegisterTiles; i += kTileGroup)
        if (i < in_registers_) multiply(register_weights_ + i, i);
    }
    for (int i = first_shared(item); i < tiles_; i += kTileGroup) {
      WeightTile a[kTileGroup];
#pragma unroll
      for (int j = 0; j < kTileGroup; ++j) {
        const uint4 t = shared_tile(item, i + j);
        a[j] = {{t.x, t.y, t.z, t.w}};
      }
      multiply(a, i);
    }
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float sum = d[n][0][i] + d[n][1][i];
        if constexpr (kChains == 4) sum += d[n][2][i] + d[n][3][i];
        if (const int c = column + 8 * n + 2 * place_in_group + i % 2; c < s.columns)
          partial[(place.split * s.columns + c) * s.row_pitch + place.row + group + i / 2 * 8] = sum;
      }
  }

  __device__ Place of(const PersistentShape& s, int item) const {
    const int tile_rows = s.rows / 16, split = item / tile_rows;
    return {item % tile_rows * 16, split * tiles_ * Arithmetic::kDepth, split};
  }
  __device__ int first_shared(int item) const { return item < kWarps ? in_registers_ : 0; }
  /// Items below kWarps have fewer tiles in shared memory than those above.
  __device__ uint4& shared_tile(int item, int i) const {
    const int short_items = item < kWarps ? item : kWarps;
    const int before = short_items * (tiles_ - in_registers_) + (item - short_items) * tiles_;
    return weights_[(before + i - first_shared(item)) * 32 + lane_];
  }

  int lane_, warp_, items_, tiles_, in_registers_;  // tiles: per item, multiples of kTileGroup
  uint4* weights_;
  WeightTile register_weights_[Arithmetic::kRegisterTiles];
};

}  // namespace rondo::inline RONDO_ABI::cuda

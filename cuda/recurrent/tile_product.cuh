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
  /// Whether the error of approximate sigmoid and tanh is small beside the rounding of the operands, 2^-9 for bf16.
  static constexpr bool kApproximate = kPrecision == Precision::bf16;
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

/// float elements, of which the tensor cores use 11 bits of mantissa.
struct Tf32Arithmetic {
  using Element = float;
  static constexpr int kRegisterTiles = register_tiles(Precision::tf32);
  static constexpr int kDepth = 8;
  static constexpr bool kApproximate = false;
  static __device__ Element to_element(float value) { return value; }
  template <class Weight>
  static __device__ WeightTile load(const Weight& weight) {
    WeightTile a;
    for (int i = 0; i < 4; ++i) a.words[i] = rounded(weight(i % 2 * 8, i / 2, 0));
    return a;
  }
  template <int kColumnTiles, int kChains>
  static __device__ void multiply(float (&d)[kColumnTiles][kChains][4], const WeightTile* a,
                                  const std::uint32_t (&b)[kColumnTiles][kTileGroup][2]) {
    std::uint32_t b_rounded[kColumnTiles][kTileGroup][2];
#pragma unroll
    for (int i = 0; i < kTileGroup; ++i)
#pragma unroll
      for (int column = 0; column < kColumnTiles; ++column)
#pragma unroll
        for (int n = 0; n < 2; ++n) b_rounded[column][i][n] = rounded(__uint_as_float(b[column][i][n]));
    multiply_group(device::Tf32{}, d, a, b_rounded);
  }

 private:
  static __device__ std::uint32_t rounded(float value) {
    return __float_as_uint(device::round_to(device::Tf32{}, value));
  }
};

/// A warp takes every kWarps-th row of 16 x kDepth tiles, and splits of the rows that remain: see partition_for_tiles.
/// Its first item, a row or a split, holds up to kRegisterTiles tiles in registers; all others are in shared memory in
/// the same layout, 16 bytes per lane. Tiles are processed in groups of kTileGroup, whose products form independent
/// chains: the latency of a product is several times the time in which a tensor core can start the next one.
template <class Arithmetic>
class TileProduct {
 public:
  using Element = typename Arithmetic::Element;
  static constexpr bool kApproximate = Arithmetic::kApproximate;
  static __device__ Element to_element(float value) { return Arithmetic::to_element(value); }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    lane_ = static_cast<int>(threadIdx.x) % 32, warp_ = static_cast<int>(threadIdx.x) / 32;
    const int rounds = s.whole_rows / (16 * kWarps), rest = (s.rows - s.whole_rows) / 16;
    const int with_split = s.teams * s.splits;            // warps
    const int splits = s.teams > 0 ? rest / s.teams : 0;  // of each of them
    split_ = warp_ % s.splits;
    split_row_ = s.whole_rows + warp_ / s.splits * 16;
    items_ = rounds + (warp_ < with_split ? splits : 0);
    const int first = rounds > 0 ? s.tiles : s.split_tiles;
    in_registers_ = first < Arithmetic::kRegisterTiles ? first : Arithmetic::kRegisterTiles;
    const int splits_before = (warp_ < with_split ? warp_ : with_split) * splits;
    const int holding_before = rounds > 0 || warp_ < with_split ? warp_ : with_split;
    const int before = warp_ * rounds * s.tiles + splits_before * s.split_tiles - holding_before * in_registers_;
    weights_ = reinterpret_cast<uint4*>(shared) + 32 * before + lane_;
    for (int n = 0; n < items_; ++n) {
      const Item item = at(s, n);
      const auto tile = [&](int i) {
        return Arithmetic::load([&](int row, int word, int element) {
          const int k = (i - i % 2) * Arithmetic::kDepth + k_in_pair<Element>(lane_ % 4, i % 2, word, element);
          return weight(item.row + lane_ / 4 + row, item.k + k);
        });
      };
      if (n == 0) {
#pragma unroll
        for (int i = 0; i < Arithmetic::kRegisterTiles; ++i)
          if (i < in_registers_) register_weights_[i] = tile(i);
      }
      for (int i = n == 0 ? in_registers_ : 0; i < item.tiles; ++i) {
        const WeightTile a = tile(i);
        weights_[32 * (item.shared + i)] = uint4{a.words[0], a.words[1], a.words[2], a.words[3]};
      }
    }
  }

  /// The products of the first `columns` vectors.
  __device__ void multiply(const PersistentShape& s, int columns, const Element* vectors, float* partial) const {
    for (int n = 0; n < items_; ++n) {
      const Item item = at(s, n);
      const int first_shared = n == 0 ? in_registers_ : 0;
      int column = 0;
      // Two tiles of columns share the weights that are read.
      for (; column + 8 < columns; column += 16) multiply<2>(s, columns, item, first_shared, column, vectors, partial);
      for (; column < columns; column += 8) multiply<1>(s, columns, item, first_shared, column, vectors, partial);
    }
  }

 private:
  /// A row of tiles, or a split of it. Tile i is in weights_[32 (shared + i)], if not in a register.
  struct Item {
    int row, k, split, tiles, shared;
  };
  __device__ Item at(const PersistentShape& s, int n) const {
    const int rounds = s.whole_rows / (16 * kWarps), m = n - rounds;
    if (n < rounds) return {16 * (warp_ + kWarps * n), 0, 0, s.tiles, n * s.tiles - in_registers_};
    return {split_row_ + 16 * s.teams * m, split_ * s.split_tiles * Arithmetic::kDepth, split_, s.split_tiles,
            rounds * s.tiles + m * s.split_tiles - in_registers_};
  }

  /// Columns [column, column + 8 kColumnTiles) of `columns`, for an item.
  template <int kColumnTiles>
  __device__ void multiply(const PersistentShape& s, int columns, const Item& item, int first_shared, int column,
                           const Element* vectors, float* partial) const {
    constexpr int kChains = kTileGroup / kColumnTiles;
    const int group = lane_ / 4, place = lane_ % 4;
    float d[kColumnTiles][kChains][4] = {};
    const Element* v[kColumnTiles];
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n) {  // past the last column: the last one, its results are not used
      const int c = column + 8 * n + group;
      v[n] = vectors + (c < columns ? c : columns - 1) * s.pitch + item.k + k_in_pair<Element>(place, 0, 0, 0);
    }
    const auto multiply_tiles = [&](const WeightTile* a, int i) {
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
    if (first_shared > 0) {
#pragma unroll
      for (int i = 0; i < Arithmetic::kRegisterTiles; i += kTileGroup)
        if (i < in_registers_) multiply_tiles(register_weights_ + i, i);
    }
    for (int i = first_shared; i < item.tiles; i += kTileGroup) {
      WeightTile a[kTileGroup];
#pragma unroll
      for (int j = 0; j < kTileGroup; ++j) {
        const uint4 t = weights_[32 * (item.shared + i + j)];
        a[j] = {{t.x, t.y, t.z, t.w}};
      }
      multiply_tiles(a, i);
    }
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float sum = d[n][0][i] + d[n][1][i];
        if constexpr (kChains == 4) sum += d[n][2][i] + d[n][3][i];
        if (const int c = column + 8 * n + 2 * place + i % 2; c < columns)
          partial[(item.split * s.columns + c) * s.row_pitch + item.row + group + i / 2 * 8] = sum;
      }
  }

  int lane_, warp_, items_, in_registers_;
  int split_, split_row_;  // the splits of this warp, if any: the first row
  uint4* weights_;         // of this lane in shared memory
  WeightTile register_weights_[Arithmetic::kRegisterTiles];
};

}  // namespace rondo::inline RONDO_ABI::cuda

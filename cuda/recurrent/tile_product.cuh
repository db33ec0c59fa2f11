// SPDX-License-Identifier: MIT
// The product of a persistent algorithm on tensor cores: the counterpart of fma_product.cuh. An Arithmetic class
// defines the element type and multiplies one tile.
#pragma once

#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// 16-bit elements.
template <class Kind, Precision kPrecision>
struct HalfArithmetic {
  using Element = std::uint16_t;
  static constexpr int kRegisterTiles = register_tiles(kPrecision);
  static constexpr int kDepth = 16;
  static __device__ Element to_element(float value) { return device::round_to(Kind{}, value); }
  static __device__ std::uint32_t pair(float low, float high) {
    return std::uint32_t{to_element(low)} | std::uint32_t{to_element(high)} << 16;
  }
  /// A lane's registers of `a`: rows g, g + 8; k 2p, 2p + 1 and the same + 8.
  template <class Weight>
  static __device__ void load_a(std::uint32_t (&a)[4], const Weight& w, int row, int k, int g, int p) {
    for (int i = 0; i < 4; ++i) {
      const int r = row + g + i % 2 * 8, at = k + 2 * p + i / 2 * 8;
      a[i] = pair(w(r, at), w(r, at + 1));
    }
  }
  /// `column`: the elements of the tile in this lane's column; null: zeros.
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Element* column, int p) {
    const auto* pairs = reinterpret_cast<const std::uint32_t*>(column);
    const std::uint32_t b[2] = {column ? pairs[p] : 0, column ? pairs[p + 4] : 0};
    device::multiply_tile(Kind{}, d, a, b);
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
  static __device__ void load_a(std::uint32_t (&a)[4], const Weight& w, int row, int k, int g, int p) {
    for (int i = 0; i < 4; ++i) a[i] = __float_as_uint(w(row + g + i % 2 * 8, k + p + i / 2 * 4));
  }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Element* column, int p) {
    const float b[2] = {column ? column[p] : 0, column ? column[p + 4] : 0};
    std::uint32_t a_high[4], b_high[2];
    for (int i = 0; i < 4; ++i) a_high[i] = high(__uint_as_float(a[i]));
    for (int i = 0; i < 2; ++i) b_high[i] = high(b[i]);
    if constexpr (kParts == 2) {
      std::uint32_t a_low[4], b_low[2];
      for (int i = 0; i < 4; ++i) a_low[i] = high(__uint_as_float(a[i]) - __uint_as_float(a_high[i]));
      for (int i = 0; i < 2; ++i) b_low[i] = high(b[i] - __uint_as_float(b_high[i]));
      device::multiply_tile(device::Tf32{}, d, a_low, b_high);
      device::multiply_tile(device::Tf32{}, d, a_high, b_low);
    }
    device::multiply_tile(device::Tf32{}, d, a_high, b_high);
  }

 private:
  static __device__ std::uint32_t high(float value) { return __float_as_uint(device::round_to(device::Tf32{}, value)); }
};

/// An item is a row of 16 x kDepth tiles, or one split of it; a warp takes every kWarps-th. Its first item holds
/// kRegisterTiles tiles in registers; all others are in shared memory in the same layout, 16 bytes per lane.
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
        Registers a;
        Arithmetic::load_a(a.words, weight, place.row, place.k + i * Arithmetic::kDepth, lane_ / 4, lane_ % 4);
        return a;
      };
      if (item == warp_) {
#pragma unroll
        for (int i = 0; i < Arithmetic::kRegisterTiles; ++i)
          if (i < in_registers_) register_weights_[i] = tile(i);
      }
      for (int i = first_shared(item); i < tiles_; ++i) {
        const Registers a = tile(i);
        shared_tile(item, i) = uint4{a.words[0], a.words[1], a.words[2], a.words[3]};
      }
    }
  }

  __device__ void multiply(const PersistentShape& s, const Element* vectors, float* partial) const {
    const int group = lane_ / 4, place_in_group = lane_ % 4;
    for (int item = warp_; item < items_; item += kWarps) {
      const Place place = of(s, item);
      for (int column = 0; column < s.columns; column += 8) {
        const Element* v = column + group < s.columns ? vectors + (column + group) * s.pitch + place.k : nullptr;
        const auto at = [&](int i) { return v ? v + i * Arithmetic::kDepth : nullptr; };
        float d[4] = {};
        if (item == warp_) {
#pragma unroll
          for (int i = 0; i < Arithmetic::kRegisterTiles; ++i)
            if (i < in_registers_) Arithmetic::multiply(d, register_weights_[i].words, at(i), place_in_group);
        }
        for (int i = first_shared(item); i < tiles_; ++i) {
          const uint4 t = shared_tile(item, i);
          const std::uint32_t a[4] = {t.x, t.y, t.z, t.w};
          Arithmetic::multiply(d, a, at(i), place_in_group);
        }
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (const int c = column + 2 * place_in_group + i % 2; c < s.columns)
            partial[(place.split * s.columns + c) * s.row_pitch + place.row + group + i / 2 * 8] = d[i];
      }
    }
  }

 private:
  struct Registers {
    std::uint32_t words[4];
  };
  struct Place {
    int row, k, split;
  };

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

  int lane_, warp_, items_, tiles_, in_registers_;
  uint4* weights_;
  Registers register_weights_[Arithmetic::kRegisterTiles];
};

}  // namespace rondo::inline RONDO_ABI::cuda

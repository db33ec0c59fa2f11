// SPDX-License-Identifier: MIT
// The product of a persistent walk: a block's rows of the weights, loaded once, times the vectors of some columns, at
// every step. Part of the weights stays in registers, the rest in shared memory. What comes out are partial sums, one
// for each split of the depth, which the cells add in their order:
//
//   partial[(split * columns + column) * row_pitch + row]
//
// Two of them: FmaProduct in true fp32, TileProduct on tensor cores. `weight(row, k)` gives a weight, or zero outside.
#pragma once

#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>
#include <type_traits>

namespace rondo::inline v0::cuda {

/// A thread takes four rows (a quad; forward the gates of one unit) and one split of the depth. Weights in shared
/// memory lie as [split][k][quad] of four floats, so that neighbouring threads read neighbouring quads; kColumns
/// columns share each weight that is read.
template <int kColumns>
class FmaProduct {
 public:
  using Word = float;
  static __device__ Word word(float value) { return value; }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    quads_ = s.rows / 4;
    slice_ = s.depth / s.splits;
    in_registers_ = slice_ < kHeldByFma ? slice_ : kHeldByFma;
    const int thread = static_cast<int>(threadIdx.x);
    quad_ = thread % quads_, split_ = thread / quads_;
    weights_ = shared + split_ * (slice_ - in_registers_) * quads_ + quad_;
    if (split_ >= s.splits) return;
    const auto row_quad = [&](int k) {
      return float4{weight(4 * quad_, k), weight(4 * quad_ + 1, k), weight(4 * quad_ + 2, k), weight(4 * quad_ + 3, k)};
    };
    const int first = split_ * slice_;
#pragma unroll
    for (int k = 0; k < kHeldByFma; ++k)
      if (k < in_registers_) held_[k] = row_quad(first + k);
    for (int k = in_registers_; k < slice_; ++k) weights_[(k - in_registers_) * quads_] = row_quad(first + k);
  }

  __device__ void multiply(const PersistentShape& s, const float* vectors, float* partial) const {
    if (split_ >= s.splits) return;
    for (int column = 0; column < s.columns; column += kColumns) {
      const float* v = vectors + column * s.pitch + split_ * slice_;
      float4 sum[kColumns] = {};
#pragma unroll
      for (int k = 0; k < kHeldByFma; k += 4)
        if (k < in_registers_) {
#pragma unroll
          for (int c = 0; c < kColumns; ++c) {
            const float4 x = *reinterpret_cast<const float4*>(v + c * s.pitch + k);
            add(sum[c], held_[k], x.x), add(sum[c], held_[k + 1], x.y);
            add(sum[c], held_[k + 2], x.z), add(sum[c], held_[k + 3], x.w);
          }
        }
      for (int k = in_registers_; k < slice_; k += 4) {
        const float4* w = weights_ + (k - in_registers_) * quads_;
        const float4 w0 = w[0], w1 = w[quads_], w2 = w[2 * quads_], w3 = w[3 * quads_];
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
          const float4 x = *reinterpret_cast<const float4*>(v + c * s.pitch + k);
          add(sum[c], w0, x.x), add(sum[c], w1, x.y), add(sum[c], w2, x.z), add(sum[c], w3, x.w);
        }
      }
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
        *reinterpret_cast<float4*>(partial + (split_ * s.columns + column + c) * s.row_pitch + 4 * quad_) = sum[c];
    }
  }

 private:
  static __device__ void add(float4& sum, const float4& w, float x) {
    sum.x = fmaf(w.x, x, sum.x), sum.y = fmaf(w.y, x, sum.y);
    sum.z = fmaf(w.z, x, sum.z), sum.w = fmaf(w.w, x, sum.w);
  }

  int quads_, slice_, in_registers_, quad_, split_;
  float4* weights_;          // this thread's, in shared memory: every quads_-th
  float4 held_[kHeldByFma];  // its first k's
};

// ---- tensor cores. An arithmetic says what a word is, and multiplies one tile.

/// Words of 16 bits.
template <class Kind>
struct HalfWords {
  using Word = std::uint16_t;
  static constexpr int kDepth = 16;
  static __device__ Word word(float value) { return device::round_to(Kind{}, value); }
  static __device__ std::uint32_t pair(float low, float high) {
    return std::uint32_t{word(low)} | std::uint32_t{word(high)} << 16;
  }
  /// Registers of a lane's part of `a`: rows g, g + 8; k 2p, 2p + 1 and the same + 8.
  template <class Weight>
  static __device__ void load_a(std::uint32_t (&a)[4], const Weight& w, int row, int k, int g, int p) {
    for (int i = 0; i < 4; ++i) {
      const int r = row + g + i % 2 * 8, at = k + 2 * p + i / 2 * 8;
      a[i] = pair(w(r, at), w(r, at + 1));
    }
  }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Word* column, int p) {
    const auto* pairs = reinterpret_cast<const std::uint32_t*>(column) + p;
    const std::uint32_t b[2] = {pairs[0], pairs[4]};
    device::multiply_tile(Kind{}, d, a, b);
  }
};

using Bf16Words = HalfWords<device::Bf16>;
using Fp16Words = HalfWords<device::Fp16>;

/// Words are floats, of which the tensor cores take 11 bits of mantissa. With kParts = 2 each is split into such a part
/// and one of what is left, and three of their four products are added, the small ones first.
template <int kParts>
struct Tf32Words {
  using Word = float;
  static constexpr int kDepth = 8;
  static __device__ Word word(float value) { return value; }
  template <class Weight>
  static __device__ void load_a(std::uint32_t (&a)[4], const Weight& w, int row, int k, int g, int p) {
    for (int i = 0; i < 4; ++i) a[i] = __float_as_uint(w(row + g + i % 2 * 8, k + p + i / 2 * 4));
  }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Word* column, int p) {
    const float b[2] = {column[p], column[p + 4]};
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

/// An item is a row of 16 x kDepth tiles, or one split of it; a warp takes every kWarps-th. Its first one holds
/// kHeldByTiles tiles in registers; the others lie in shared memory as registers do: 16 bytes a lane.
template <class Arithmetic>
class TileProduct {
 public:
  using Word = typename Arithmetic::Word;
  static __device__ Word word(float value) { return Arithmetic::word(value); }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    weights_ = reinterpret_cast<uint4*>(shared);
    lane_ = static_cast<int>(threadIdx.x) % 32, warp_ = static_cast<int>(threadIdx.x) / 32;
    items_ = s.rows / 16 * s.splits;
    tiles_ = s.depth / Arithmetic::kDepth / s.splits;
    in_registers_ = tiles_ < kHeldByTiles ? tiles_ : kHeldByTiles;
    for (int item = warp_; item < items_; item += kWarps) {
      const Place place = of(s, item);
      const auto tile = [&](int i) {
        Registers a;
        Arithmetic::load_a(a.words, weight, place.row, place.k + i * Arithmetic::kDepth, lane_ / 4, lane_ % 4);
        return a;
      };
      if (item == warp_) {
#pragma unroll
        for (int i = 0; i < kHeldByTiles; ++i)
          if (i < in_registers_) held_[i] = tile(i);
      }
      for (int i = first_shared(item); i < tiles_; ++i) {
        const Registers a = tile(i);
        shared_tile(item, i) = uint4{a.words[0], a.words[1], a.words[2], a.words[3]};
      }
    }
  }

  __device__ void multiply(const PersistentShape& s, const Word* vectors, float* partial) const {
    const int group = lane_ / 4, place_in_group = lane_ % 4;
    for (int item = warp_; item < items_; item += kWarps) {
      const Place place = of(s, item);
      for (int column = 0; column < s.columns; column += 8) {
        const Word* v = vectors + (column + group) * s.pitch + place.k;
        float d[4] = {};
        if (item == warp_) {
#pragma unroll
          for (int i = 0; i < kHeldByTiles; ++i)
            if (i < in_registers_) Arithmetic::multiply(d, held_[i].words, v + i * Arithmetic::kDepth, place_in_group);
        }
        for (int i = first_shared(item); i < tiles_; ++i) {
          const uint4 t = shared_tile(item, i);
          const std::uint32_t a[4] = {t.x, t.y, t.z, t.w};
          Arithmetic::multiply(d, a, v + i * Arithmetic::kDepth, place_in_group);
        }
        float* out =
            partial + (place.split * s.columns + column + 2 * place_in_group) * s.row_pitch + place.row + group;
        out[0] = d[0], out[s.row_pitch] = d[1];
        out[8] = d[2], out[s.row_pitch + 8] = d[3];
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
  Registers held_[kHeldByTiles];
};

}  // namespace rondo::inline v0::cuda

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

/// Leaves in `sums` what kLanes neighbouring lanes have in theirs together: lane l keeps N / kLanes of the N sums,
/// those from l N / kLanes on; where there are fewer sums than lanes, kLanes / N neighbours keep the same one. Halves
/// change hands, so that N sums cost about N shuffles and not N for each halving.
template <int kLanes, int N>
__device__ void sum_over_lanes(float (&sums)[N]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int n = N;
#pragma unroll
  for (int apart = kLanes / 2; apart > 0; apart /= 2) {
    const bool upper = (lane & apart) != 0;
    if (n > 1) {
      n /= 2;
#pragma unroll
      for (int i = 0; i < N / 2; ++i)
        if (i < n) {
          const float given = upper ? sums[i] : sums[i + n], kept = upper ? sums[i + n] : sums[i];
          sums[i] = kept + __shfl_xor_sync(0xffffffffu, given, apart);
        }
    } else {
      sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], apart);
    }
  }
}

/// FMA on floats. A thread takes four rows (a quad; forward the gates of one unit) and one part of the depth, every
/// parts-th group of four k's; kLanes neighbouring lanes have the same quad and sum their parts among themselves, what
/// further parts there are is a split. Weights in shared memory lie as [k][quad][part] of four floats: neighbouring
/// lanes read neighbouring weights and neighbouring values. kColumns columns share each weight that is read.
template <int kColumns, int kLanes>
class FmaProduct {
 public:
  using Word = float;
  static __device__ Word word(float value) { return value; }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    parts_ = s.splits * kLanes;
    slice_ = s.depth / parts_;
    in_registers_ = slice_ < kHeldByFma ? slice_ : kHeldByFma;
    const int thread = static_cast<int>(threadIdx.x);
    quad_ = thread / parts_, part_ = thread % parts_;
    idle_ = 4 * quad_ >= s.rows;  // runs along with its warp, whose shuffles want all lanes
    stride_ = s.rows / 4 * parts_;
    weights_ = shared + quad_ * parts_ + part_;
    const auto rows_at = [&](int k) {
      const int row = idle_ ? 0 : 4 * quad_, at = 4 * (part_ + parts_ * (k / 4)) + k % 4;
      return float4{weight(row, at), weight(row + 1, at), weight(row + 2, at), weight(row + 3, at)};
    };
#pragma unroll
    for (int k = 0; k < kHeldByFma; ++k)
      if (k < in_registers_) held_[k] = rows_at(k);
    if (idle_) return;
    for (int k = in_registers_; k < slice_; ++k) weights_[(k - in_registers_) * stride_] = rows_at(k);
  }

  __device__ void multiply(const PersistentShape& s, const float* vectors, float* partial) const {
    for (int column = 0; column < s.columns; column += kColumns) {
      float sums[4 * kColumns] = {};  // [column][row]
      const float* v[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c)  // beyond the last column any other one: nobody asks for its sums
        v[c] = vectors + (column + c < s.columns ? column + c : column) * s.pitch + 4 * part_;
#pragma unroll
      for (int k = 0; k < kHeldByFma; k += 4)
        if (k < in_registers_) add(sums, v, k, held_[k], held_[k + 1], held_[k + 2], held_[k + 3]);
      if (!idle_)
        for (int k = in_registers_; k < slice_; k += 4) {
          const float4* w = weights_ + (k - in_registers_) * stride_;
          add(sums, v, k, w[0], w[stride_], w[2 * stride_], w[3 * stride_]);
        }
      sum_over_lanes<kLanes>(sums);
      constexpr int kKept = 4 * kColumns > kLanes ? 4 * kColumns / kLanes : 1;
      constexpr int kSame = kLanes > 4 * kColumns ? kLanes / (4 * kColumns) : 1;
      const int lane = part_ % kLanes;
      if (idle_ || lane % kSame != 0) continue;
#pragma unroll
      for (int i = 0; i < kKept; ++i) {
        const int sum = lane / kSame * kKept + i, c = column + sum / 4;
        if (c < s.columns) partial[(part_ / kLanes * s.columns + c) * s.row_pitch + 4 * quad_ + sum % 4] = sums[i];
      }
    }
  }

 private:
  __device__ void add(float (&sums)[4 * kColumns], const float* const (&v)[kColumns], int k, const float4& w0,
                      const float4& w1, const float4& w2, const float4& w3) const {
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const float4 x = *reinterpret_cast<const float4*>(v[c] + parts_ * k);
      add(sums + 4 * c, w0, x.x), add(sums + 4 * c, w1, x.y), add(sums + 4 * c, w2, x.z), add(sums + 4 * c, w3, x.w);
    }
  }
  static __device__ void add(float* sums, const float4& w, float x) {
    sums[0] = fmaf(w.x, x, sums[0]), sums[1] = fmaf(w.y, x, sums[1]);
    sums[2] = fmaf(w.z, x, sums[2]), sums[3] = fmaf(w.w, x, sums[3]);
  }

  int parts_, slice_, in_registers_, quad_, part_, stride_;
  bool idle_;                // more threads than quads and parts
  float4* weights_;          // this thread's, in shared memory: every stride_-th
  float4 held_[kHeldByFma];  // its first k's
};

// ---- tensor cores. An arithmetic says what a word is, and multiplies one tile.

/// Words of 16 bits.
template <class Kind, Precision kPrecision>
struct HalfWords {
  using Word = std::uint16_t;
  static constexpr int kHeld = held_tiles(kPrecision);
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
  /// `column`: the k's of the tile in this lane's column; null: zeros.
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Word* column, int p) {
    const auto* pairs = reinterpret_cast<const std::uint32_t*>(column);
    const std::uint32_t b[2] = {column ? pairs[p] : 0, column ? pairs[p + 4] : 0};
    device::multiply_tile(Kind{}, d, a, b);
  }
};

using Bf16Words = HalfWords<device::Bf16, Precision::bf16>;
using Fp16Words = HalfWords<device::Fp16, Precision::fp16>;

/// Words are floats, of which the tensor cores take 11 bits of mantissa. With kParts = 2 each is split into such a part
/// and one of what is left, and three of their four products are added, the small ones first.
template <int kParts>
struct Tf32Words {
  using Word = float;
  static constexpr int kHeld = held_tiles(kParts == 2 ? Precision::tf32x3 : Precision::tf32);
  static constexpr int kDepth = 8;
  static __device__ Word word(float value) { return value; }
  template <class Weight>
  static __device__ void load_a(std::uint32_t (&a)[4], const Weight& w, int row, int k, int g, int p) {
    for (int i = 0; i < 4; ++i) a[i] = __float_as_uint(w(row + g + i % 2 * 8, k + p + i / 2 * 4));
  }
  static __device__ void multiply(float (&d)[4], const std::uint32_t (&a)[4], const Word* column, int p) {
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

/// An item is a row of 16 x kDepth tiles, or one split of it; a warp takes every kWarps-th. Its first one holds
/// kHeld tiles in registers; the others lie in shared memory as registers do: 16 bytes a lane.
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
    in_registers_ = tiles_ < Arithmetic::kHeld ? tiles_ : Arithmetic::kHeld;
    for (int item = warp_; item < items_; item += kWarps) {
      const Place place = of(s, item);
      const auto tile = [&](int i) {
        Registers a;
        Arithmetic::load_a(a.words, weight, place.row, place.k + i * Arithmetic::kDepth, lane_ / 4, lane_ % 4);
        return a;
      };
      if (item == warp_) {
#pragma unroll
        for (int i = 0; i < Arithmetic::kHeld; ++i)
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
        const Word* v = column + group < s.columns ? vectors + (column + group) * s.pitch + place.k : nullptr;
        const auto at = [&](int i) { return v ? v + i * Arithmetic::kDepth : nullptr; };
        float d[4] = {};
        if (item == warp_) {
#pragma unroll
          for (int i = 0; i < Arithmetic::kHeld; ++i)
            if (i < in_registers_) Arithmetic::multiply(d, held_[i].words, at(i), place_in_group);
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
  Registers held_[Arithmetic::kHeld];
};

}  // namespace rondo::inline v0::cuda

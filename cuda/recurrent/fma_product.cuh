// SPDX-License-Identifier: MIT
// The product of a persistent algorithm in true fp32: at every step, a block's rows of the weights times the vectors of
// some columns. The weights are loaded once: a part stays in registers, the rest in shared memory. The results are
// partial sums, one for each split of the depth, which the cells add in order:
//
//   partial[(split * columns + column) * row_pitch + row]
//
// `weight(row, k)` returns a weight, or zero outside the matrix.
#pragma once

#include "persistent_shape.hpp"

#include <cuda_runtime.h>

namespace rondo::inline RONDO_ABI::cuda {

/// Reduces `sums` over kLanes neighbouring lanes: lane l ends with N / kLanes of the N sums, from sum l N / kLanes on;
/// if there are fewer sums than lanes, kLanes / N neighbours have the same one. Lanes exchange halves, so that N sums
/// cost about N shuffles and not N for each halving.
template <int kLanes, int N>
__device__ void sum_over_lanes(float (&sums)[N]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int n = N;
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) {
    const bool upper = (lane & distance) != 0;
    if (n > 1) {
      n /= 2;
#pragma unroll
      for (int i = 0; i < N / 2; ++i)
        if (i < n) {
          const float sent = upper ? sums[i] : sums[i + n], own = upper ? sums[i + n] : sums[i];
          sums[i] = own + __shfl_xor_sync(0xffffffffu, sent, distance);
        }
    } else {
      sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], distance);
    }
  }
}

/// FMA on floats. A thread takes four rows (a quad; forward the gates of one unit) and one part of the depth, every
/// parts-th group of four k's. kLanes neighbouring lanes have the same quad and reduce their parts by shuffles; the
/// remaining parts form the splits. Weights in shared memory are stored as [k][quad][part] of four floats: neighbouring
/// lanes read neighbouring weights and neighbouring values. kColumns columns share each weight that is read.
template <int kColumns, int kLanes>
class FmaProduct {
 public:
  using Element = float;
  static constexpr bool kApproximate = false;
  static __device__ Element to_element(float value) { return value; }

  template <class Weight>
  __device__ void load(const PersistentShape& s, float4* shared, const Weight& weight) {
    parts_ = s.splits * kLanes;
    slice_ = s.depth / parts_;
    in_registers_ = slice_ < kFmaRegisterWeights ? slice_ : kFmaRegisterWeights;
    const int thread = static_cast<int>(threadIdx.x);
    quad_ = thread / parts_, part_ = thread % parts_;
    idle_ = 4 * quad_ >= s.rows;  // stays active for the shuffles of its warp
    stride_ = s.rows / 4 * parts_;
    weights_ = shared + quad_ * parts_ + part_;
    const auto rows_at = [&](int k) {
      const int row = idle_ ? 0 : 4 * quad_, at = 4 * (part_ + parts_ * (k / 4)) + k % 4;
      return float4{weight(row, at), weight(row + 1, at), weight(row + 2, at), weight(row + 3, at)};
    };
#pragma unroll
    for (int k = 0; k < kFmaRegisterWeights; ++k)
      if (k < in_registers_) register_weights_[k] = rows_at(k);
    if (idle_) return;
    for (int k = in_registers_; k < slice_; ++k) weights_[(k - in_registers_) * stride_] = rows_at(k);
  }

  /// The products of the first `columns` vectors.
  __device__ void multiply(const PersistentShape& s, int columns, const float* vectors, float* partial) const {
    for (int column = 0; column < columns; column += kColumns) {
      float sums[4 * kColumns] = {};  // [column][row]
      const float* v[kColumns];
#pragma unroll
      for (int c = 0; c < kColumns; ++c)  // past the last column: any column, its sums are not used
        v[c] = vectors + (column + c < columns ? column + c : column) * s.pitch + 4 * part_;
#pragma unroll
      for (int k = 0; k < kFmaRegisterWeights; k += 4)
        if (k < in_registers_)
          add(sums, v, k, register_weights_[k], register_weights_[k + 1], register_weights_[k + 2],
              register_weights_[k + 3]);
      if (!idle_)
        for (int k = in_registers_; k < slice_; k += 4) {
          const float4* w = weights_ + (k - in_registers_) * stride_;
          add(sums, v, k, w[0], w[stride_], w[2 * stride_], w[3 * stride_]);
        }
      sum_over_lanes<kLanes>(sums);
      constexpr int kSums = 4 * kColumns > kLanes ? 4 * kColumns / kLanes : 1;
      constexpr int kSame = kLanes > 4 * kColumns ? kLanes / (4 * kColumns) : 1;
      const int lane = part_ % kLanes;
      if (idle_ || lane % kSame != 0) continue;
#pragma unroll
      for (int i = 0; i < kSums; ++i) {
        const int sum = lane / kSame * kSums + i, c = column + sum / 4;
        if (c < columns) partial[(part_ / kLanes * s.columns + c) * s.row_pitch + 4 * quad_ + sum % 4] = sums[i];
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
  bool idle_;                                     // no rows: there are more threads than quads x parts
  float4* weights_;                               // of this thread in shared memory, with stride stride_
  float4 register_weights_[kFmaRegisterWeights];  // the first k's
};

}  // namespace rondo::inline RONDO_ABI::cuda

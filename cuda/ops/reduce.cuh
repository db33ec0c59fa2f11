// SPDX-License-Identifier: MIT
// Reductions over groups of threads: a warp, by shuffles, or a block. The order of a sum depends on the group's size
// alone, never on the grid: results are bit-identical on every GPU.
#pragma once

#include "../launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

inline constexpr unsigned kWarp = 32;

/// The 32 threads of a warp.
struct Warp {
  static __device__ unsigned rank() { return threadIdx.x % kWarp; }  // of this thread in its group
  static __device__ constexpr unsigned size() { return kWarp; }
  static __device__ Index index() { return (Index{blockIdx.x} * blockDim.x + threadIdx.x) / kWarp; }  // of the group
  static __device__ Index count() { return Index{gridDim.x} * (blockDim.x / kWarp); }

  /// A launch of `groups` groups; if the grid is limited, each takes several items in a loop.
  static LaunchConfig shape(Index groups) { return per_element_config(groups * kWarp); }

  /// Reduces the values of all threads of the group by the commutative `combine`; every thread gets the same result.
  /// All threads must call.
  template <class T, class F>
  static __device__ T reduce(T value, F&& combine) {
    for (unsigned distance = kWarp / 2; distance > 0; distance /= 2)
      value = combine(value, __shfl_xor_sync(0xFFFFFFFF, value, static_cast<int>(distance)));
    return value;
  }
};

/// The kThreads threads of a block.
struct Block {
  static __device__ unsigned rank() { return threadIdx.x; }
  static __device__ constexpr unsigned size() { return kThreads; }
  static __device__ Index index() { return blockIdx.x; }
  static __device__ Index count() { return gridDim.x; }
  static LaunchConfig shape(Index groups) { return per_column_config(groups); }

  template <class T, class F>
  static __device__ T reduce(T value, F&& combine) {
    __shared__ T of_warp[kThreads / kWarp];
    value = Warp::reduce(value, combine);
    if (Warp::rank() == 0) of_warp[threadIdx.x / kWarp] = value;
    __syncthreads();
    value = of_warp[0];
    for (unsigned w = 1; w < kThreads / kWarp; ++w) value = combine(value, of_warp[w]);
    __syncthreads();  // all must have read before the next call writes
    return value;
  }
};

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

/// total = the sum of values, by one block: thread r takes values r, r + kThreads, ...
template <class T>
__global__ void sum_kernel(const T* values, Index count, T* total) {
  T sum = 0;
  for (Index n = threadIdx.x; n < count; n += kThreads) sum += values[n];
  sum = Block::reduce(sum, Add{});
  if (threadIdx.x == 0) *total = sum;
}

/// *total, on the device, = the sum of `count` values.
template <class T>
void sum_to(const T* values, Index count, T* total) {
  launch("sum", sum_kernel<T>, LaunchConfig{}, values, count, total);
}

/// The value that `enqueue(to)` writes to device memory. Waits for it.
template <class T, class F>
T fetch_result(F&& enqueue) {
  T* to = scratch<T>(Scratch::result, 1);
  enqueue(to);
  T value;
  fetch(to, &value, 1);
  return value;
}

/// The sum of `count` values on the device. Waits for it.
template <class T>
T fetch_sum(const T* values, Index count) {
  return fetch_result<T>([&](T* total) { sum_to(values, count, total); });
}

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// CUDA's language extensions for a C++ compiler: keywords and built-in functions of .cu files as plain C++ or as calls
// of the executor (host_grid.hpp); and kernel launch, the only template of the runtime.
#pragma once

#include "cuda_runtime_api.h"
#include "host_grid.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)
#define __constant__ static
// __shared__ variables are static, one instance for all blocks. That is correct while blocks run sequentially; those of
// clusters and of cooperative grids run concurrently, and their kernels use dynamic shared memory only.
#define __shared__ static

inline constexpr const uint3& threadIdx = host_cuda::here.thread;
inline constexpr const uint3& blockIdx = host_cuda::here.block;
inline constexpr const dim3& blockDim = host_cuda::here.block_dim;
inline constexpr const dim3& gridDim = host_cuda::here.grid_dim;
inline constexpr int warpSize = 32;

using std::max;
using std::min;

// ---- barriers and collectives ---------------------------------------------------------------------------------------

inline void __syncthreads() { host_cuda::sync_block(); }
inline void __syncwarp(unsigned mask = 0xffffffff) { host_cuda::sync_warp(mask); }
inline void __threadfence() {}  // one OS thread: writes are visible immediately
inline void __threadfence_block() {}

namespace host_cuda {

/// Reads a value from any lane of the warp.
template <class T>
T shuffle(const char* name, unsigned mask, T value, unsigned from) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  Registers mine{};
  std::memcpy(mine.data(), &value, sizeof value);
  const auto& all = exchange(name, mask, mine);
  if (from >= lanes()) fail("a shuffle reads from a lane outside the warp");
  std::memcpy(&value, all[from].data(), sizeof value);
  return value;
}

}  // namespace host_cuda

// A lane that would read outside its segment of `width` lanes gets its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  const unsigned me = host_cuda::here.lane, w = static_cast<unsigned>(width);
  return host_cuda::shuffle("__shfl_sync()", mask, value, me / w * w + static_cast<unsigned>(lane) % w);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  const unsigned me = host_cuda::here.lane, w = static_cast<unsigned>(width), from = me ^ static_cast<unsigned>(lanes);
  return host_cuda::shuffle("__shfl_xor_sync()", mask, value, from < me / w * w + w ? from : me);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned me = host_cuda::here.lane, w = static_cast<unsigned>(width);
  return host_cuda::shuffle("__shfl_down_sync()", mask, value, me % w + delta < w ? me + delta : me);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const unsigned me = host_cuda::here.lane, w = static_cast<unsigned>(width);
  return host_cuda::shuffle("__shfl_up_sync()", mask, value, me % w >= delta ? me - delta : me);
}

// ---- memory and bits ------------------------------------------------------------------------------------------------

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <std::integral T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline float __uint_as_float(unsigned v) { return std::bit_cast<float>(v); }
inline int __float_as_int(float v) { return std::bit_cast<int>(v); }
inline float __int_as_float(int v) { return std::bit_cast<float>(v); }
inline float rsqrtf(float v) { return 1 / std::sqrt(v); }

// ---- the runtime's templates ----------------------------------------------------------------------------------------

namespace host_cuda {

/// launch.cpp: checks the configuration and enqueues the kernel; `call` runs one CUDA thread of it.
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> call);

}  // namespace host_cuda

/// The arguments are converted and copied at the launch; each CUDA thread gets its own copies.
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  return host_cuda::launch(*config, reinterpret_cast<const void*>(kernel),
                           [kernel, copies = std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)] {
                             std::apply(kernel, copies);
                           });
}

template <class T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}
template <class T>
cudaError_t cudaMallocHost(T** pointer, std::size_t bytes) {
  return cudaMallocHost(reinterpret_cast<void**>(pointer), bytes);
}
template <class... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <class... P>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*kernel)(P...), int block_size,
                                                          std::size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, reinterpret_cast<const void*>(kernel), block_size,
                                                       shared_bytes);
}
template <class... P>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*kernel)(P...), const cudaLaunchConfig_t* config) {
  return cudaOccupancyMaxActiveClusters(clusters, reinterpret_cast<const void*>(kernel), config);
}

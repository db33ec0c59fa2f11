// SPDX-License-Identifier: MIT
// The one way to launch a kernel: checked, on the calling thread's stream.
#pragma once

#include "runtime.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <utility>

namespace rondo::inline RONDO_ABI::cuda {

struct LaunchConfig {
  unsigned blocks = 1;
  unsigned threads = 256;    // of a block
  std::size_t shared = 0;    // bytes of dynamic shared memory of a block
  unsigned cluster = 0;      // blocks of a cluster; 0: no clusters
  bool cooperative = false;  // all blocks at once, for barriers of the grid
};

/// Threads of a block where nothing speaks for another number.
inline constexpr unsigned kThreads = 256;

/// Blocks for `count` elements, one thread each, but no more than fill a large GPU several times over: kernels go on
/// with a stride of the whole grid, so that any count works.
inline LaunchConfig per_element_config(Index count) {
  const Index blocks = (count + kThreads - 1) / kThreads;
  return {static_cast<unsigned>(std::clamp<Index>(blocks, 1, 4096)), kThreads};
}

/// A block for each of `count` columns, again going on with a stride of the whole grid.
inline LaunchConfig per_column_config(Index count) {
  return {static_cast<unsigned>(std::clamp<Index>(count, 1, 1 << 16)), kThreads};
}

/// For `shape` of a kernel that asks for much shared memory or for a large cluster: call before launch, or before
/// asking how many blocks fit.
template <class... Parameters>
void prepare(void (*kernel)(Parameters...), const LaunchConfig& shape) {
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (shape.shared > 48 * 1024)
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared)),
          "cudaFuncSetAttribute");
  if (shape.cluster > 8)
    check(cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1), "cudaFuncSetAttribute");
}

/// kernel<<<shape>>>(arguments...). `name` is for messages.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchConfig& shape, Arguments&&... arguments) {
  std::array<cudaLaunchAttribute, 2> attributes{};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.blocks);
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared;
  config.stream = context().stream;
  config.attrs = attributes.data();
  if (shape.cluster > 0) {
    auto& a = attributes[config.numAttrs++];
    a.id = cudaLaunchAttributeClusterDimension;
    a.val.clusterDim.x = shape.cluster, a.val.clusterDim.y = 1, a.val.clusterDim.z = 1;
  }
  if (shape.cooperative) {
    auto& a = attributes[config.numAttrs++];
    a.id = cudaLaunchAttributeCooperative;
    a.val.cooperative = 1;
  }
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), name);
}

}  // namespace rondo::inline RONDO_ABI::cuda

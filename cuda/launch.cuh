// SPDX-License-Identifier: MIT
// Checked launch of a kernel on the calling thread's stream. Every kernel is launched here.
#pragma once

#include "runtime.hpp"
#include "step/step_record.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace rondo::inline RONDO_ABI::cuda {

struct LaunchConfig {
  unsigned blocks = 1;
  unsigned threads = 256;    // per block
  std::size_t shared = 0;    // bytes of dynamic shared memory per block
  unsigned cluster = 0;      // blocks per cluster; 0: no clusters
  bool cooperative = false;  // cooperative launch, for grid-wide barriers
  bool operator==(const LaunchConfig&) const = default;
};

/// Default number of threads per block.
inline constexpr unsigned kThreads = 256;

/// Blocks for `count` elements, one thread each, limited to a few waves of a large GPU: kernels use a grid-stride loop.
inline LaunchConfig per_element_config(Index count) {
  const Index blocks = (count + kThreads - 1) / kThreads;
  return {static_cast<unsigned>(std::clamp<Index>(blocks, 1, 4096)), kThreads};
}

/// One block for each of `count` columns, limited in the same way.
inline LaunchConfig per_column_config(Index count) {
  return {static_cast<unsigned>(std::clamp<Index>(count, 1, 1 << 16)), kThreads};
}

/// Required once before the launch, or an occupancy query, of a kernel with a large dynamic shared memory or a
/// non-portable cluster size. Allows all the shared memory of the device, so that no size has to be set again.
template <class... Parameters>
void prepare(void (*kernel)(Parameters...), const LaunchConfig& shape) {
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (shape.shared > 48 * 1024)
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(context().device.shared_bytes)),
          "cudaFuncSetAttribute");
  if (shape.cluster > 8)
    check(cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1), "cudaFuncSetAttribute");
}

/// Whether two arguments of a kernel are the same, also after the host memory in which one of them was is gone.
template <class T>
bool same_argument(const T& a, const T& b) {
  if constexpr (std::has_unique_object_representations_v<T>)
    return std::memcmp(&a, &b, sizeof(T)) == 0;
  else
    return a == b;
}

/// kernel<<<shape>>>(arguments...), on the stream of the calling thread's context.
template <class... Parameters>
struct KernelCall {
  static constexpr bool kRepeats = true;
  void (*kernel)(Parameters...);
  LaunchConfig shape;
  std::tuple<Parameters...> arguments;

  bool operator==(const KernelCall& other) const {
    return kernel == other.kernel && shape == other.shape&& [&]<std::size_t... n>(std::index_sequence<n...>) {
      return (same_argument(std::get<n>(arguments), std::get<n>(other.arguments)) && ...);
    }
    (std::index_sequence_for<Parameters...>{});
  }

  cudaError_t operator()() const {
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
    return std::apply([&](const auto&... values) { return cudaLaunchKernelEx(&config, kernel, values...); }, arguments);
  }
};

template <class... Parameters, class... Arguments>
cudaError_t launch_status(void (*kernel)(Parameters...), const LaunchConfig& shape, Arguments&&... arguments) {
  return issue(KernelCall<Parameters...>{kernel, shape, {static_cast<Parameters>(arguments)...}});
}

/// Makes the call; throws if it fails. `name` appears in error messages.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchConfig& shape, Arguments&&... arguments) {
  check(launch_status(kernel, shape, std::forward<Arguments>(arguments)...), name);
}

/// The same; false, and nothing runs, if the GPU refuses a launch of this size, as it may where it is shared.
template <class... Parameters, class... Arguments>
bool try_launch(const char* name, void (*kernel)(Parameters...), const LaunchConfig& shape, Arguments&&... arguments) {
  const cudaError_t status = launch_status(kernel, shape, std::forward<Arguments>(arguments)...);
  switch (status) {
    case cudaErrorCooperativeLaunchTooLarge:
    case cudaErrorLaunchOutOfResources:
    case cudaErrorInvalidClusterSize:
    case cudaErrorInvalidConfiguration:
    case cudaErrorNotSupported:
      cudaGetLastError();
      return false;
    default:
      check(status, name);
      return true;
  }
}

}  // namespace rondo::inline RONDO_ABI::cuda

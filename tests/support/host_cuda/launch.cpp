// SPDX-License-Identifier: MIT
// Launches: rejected with the same errors as on a GPU. The executor has no registers: occupancy depends on threads,
// blocks and dynamic shared memory only.
#include "cuda_runtime.h"
#include "device_limits.hpp"

#include <algorithm>
#include <atomic>
#include <map>

namespace host_cuda {

namespace {

struct KernelAttributes {
  std::size_t dynamic_shared = DeviceLimits::shared_of_block;
  bool large_clusters = false;
};
std::map<const void*, KernelAttributes> attributes;  // of kernels with attributes set

KernelAttributes attributes_of(const void* kernel) {
  const auto found = attributes.find(kernel);
  return found == attributes.end() ? KernelAttributes{} : found->second;
}

std::size_t count(const dim3& d) { return std::size_t{d.x} * d.y * d.z; }

bool within(const dim3& d, const int (&most)[3]) {
  const auto fits = [](unsigned n, int m) { return n > 0 && n <= static_cast<unsigned>(m); };
  return fits(d.x, most[0]) && fits(d.y, most[1]) && fits(d.z, most[2]);
}

std::size_t blocks_that_fit(std::size_t threads, std::size_t shared) {  // per multiprocessor
  const DeviceLimits l = limits();
  const std::size_t whole_warps = (threads + 31) / 32 * 32;
  return std::min({static_cast<std::size_t>(l.threads_of_multiprocessor) / whole_warps,
                   l.shared_of_multiprocessor / (shared + DeviceLimits::shared_reserved),
                   static_cast<std::size_t>(l.blocks_of_multiprocessor)});
}

std::size_t blocks_that_fit(const Grid& grid) {  // on the device
  return blocks_that_fit(count(grid.threads), grid.shared_bytes) *
         static_cast<std::size_t>(state().device.multiprocessors);
}

/// Whether the kernel may be launched; for a query of the occupancy, `launching` is false.
cudaError_t check(const Grid& grid, const KernelAttributes& kernel, bool launching) {
  if (!within(grid.blocks, DeviceLimits::grid) || !within(grid.threads, DeviceLimits::block) ||
      count(grid.threads) > DeviceLimits::threads_of_block)
    return cudaErrorInvalidConfiguration;
  if (grid.shared_bytes > kernel.dynamic_shared) return cudaErrorInvalidValue;
  const DeviceLimits l = limits();
  const std::size_t cluster = count(grid.cluster);
  if (cluster != 1) {
    if (l.largest_cluster == 1) return cudaErrorNotSupported;
    const unsigned most = kernel.large_clusters ? l.largest_cluster : DeviceLimits::portable_cluster;
    if (cluster == 0 || cluster > most) return cudaErrorInvalidClusterSize;
    if (grid.blocks.x % grid.cluster.x || grid.blocks.y % grid.cluster.y || grid.blocks.z % grid.cluster.z)
      return cudaErrorInvalidClusterSize;
  }
  if (state().refused_launches != cudaSuccess && (grid.cooperative || cluster != 1) && launching)
    return state().refused_launches;
  if (grid.cooperative && count(grid.blocks) > blocks_that_fit(grid) / cluster * cluster)
    return cudaErrorCooperativeLaunchTooLarge;
  return cudaSuccess;
}

cudaError_t read(const cudaLaunchConfig_t& config, Grid& grid) {
  grid = {config.gridDim, config.blockDim, {}, false, config.dynamicSmemBytes};
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& a = config.attrs[i];
    switch (a.id) {
      case cudaLaunchAttributeIgnore:
        break;
      case cudaLaunchAttributeCooperative:
        grid.cooperative = a.val.cooperative != 0;
        break;
      case cudaLaunchAttributeClusterDimension:
        grid.cluster = {a.val.clusterDim.x, a.val.clusterDim.y, a.val.clusterDim.z};
        break;
      default:
        return cudaErrorInvalidValue;
    }
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
  return call([&] {
    Grid grid;
    if (const cudaError_t error = read(config, grid)) return error;
    if (const cudaError_t error = check(grid, attributes_of(kernel), true)) return error;
    if (const CUstream_st* s = find(config.stream); s && !on_current_device(*s)) return cudaErrorInvalidResourceHandle;
    if (count(grid.cluster) > 1) state().last_cluster_launch = {count(grid.blocks), count(grid.cluster)};
    return submit(config.stream, [grid, body = std::move(body)] { run_grid(grid, body); });
  });
}

}  // namespace host_cuda

namespace host_cuda {

void refuse_launches(cudaError_t with) {
  const std::lock_guard guard(state().lock);
  state().refused_launches = with;
}

namespace {
std::atomic<bool> wrong_tiles{false};
std::atomic<std::uint64_t> all_multiply_adds{0};
}
void wrong_tile_products(bool wrong) { wrong_tiles = wrong; }
std::uint64_t multiply_adds() { return all_multiply_adds.load(std::memory_order_relaxed); }
void count_multiply_adds(std::uint64_t count) { all_multiply_adds.fetch_add(count, std::memory_order_relaxed); }

bool tile_products_are_wrong() { return wrong_tiles.load(std::memory_order_relaxed); }

std::size_t occupancy_queries() {
  const std::lock_guard guard(state().lock);
  return state().occupancy_queries;
}

ClusterLaunch last_cluster_launch() {
  const std::lock_guard guard(state().lock);
  return state().last_cluster_launch;
}

}  // namespace host_cuda

using namespace host_cuda;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return call([&] {
    if (!kernel) return cudaErrorInvalidDeviceFunction;
    switch (attribute) {
      case cudaFuncAttributeMaxDynamicSharedMemorySize:
        if (value < 0 || static_cast<std::size_t>(value) > limits().shared_of_block_opt_in())
          return cudaErrorInvalidValue;
        attributes[kernel].dynamic_shared = static_cast<std::size_t>(value);
        return cudaSuccess;
      case cudaFuncAttributeNonPortableClusterSizeAllowed:
        attributes[kernel].large_clusters = value != 0;
        return cudaSuccess;
      case cudaFuncAttributePreferredSharedMemoryCarveout:
        return cudaSuccess;  // a hint
    }
    return cudaErrorInvalidValue;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_size,
                                                          std::size_t dynamic_shared_bytes) {
  return call([&] {
    ++state().occupancy_queries;
    if (!kernel) return cudaErrorInvalidDeviceFunction;
    if (block_size <= 0) return cudaErrorInvalidValue;
    const bool launches =
        block_size <= DeviceLimits::threads_of_block && dynamic_shared_bytes <= attributes_of(kernel).dynamic_shared;
    *blocks =
        launches ? static_cast<int>(blocks_that_fit(static_cast<std::size_t>(block_size), dynamic_shared_bytes)) : 0;
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel, const cudaLaunchConfig_t* config) {
  return call([&] {
    ++state().occupancy_queries;
    if (!kernel) return cudaErrorInvalidDeviceFunction;
    Grid grid;
    if (const cudaError_t error = read(*config, grid)) return error;
    if (const cudaError_t error = check(grid, attributes_of(kernel), false)) return error;
    *clusters = static_cast<int>(blocks_that_fit(grid) / count(grid.cluster));
    if (const int most = state().device.clusters; most > 0 && count(grid.cluster) > 1)
      *clusters = std::min(*clusters, most);
    return cudaSuccess;
  });
}

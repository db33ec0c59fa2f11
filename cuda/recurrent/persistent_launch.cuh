// SPDX-License-Identifier: MIT
// Selects the instance of the persistent kernel for a precision and a shape, and launches it. These functions return
// false, and launch nothing, if the device or its shared memory does not suffice.
#pragma once

#include "../launch.cuh"
#include "../memory_calls.hpp"
#include "fma_product.cuh"
#include "persistent.cuh"
#include "tile_product.cuh"

#include <algorithm>
#include <tuple>
#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

/// The cells of a pass with these arguments. Saved activations have 16 bits if the operands of the product have.
template <class Arguments, class Product, class Cell = LstmCell>
using CellsOf =
    std::conditional_t<kIsBackward<Arguments>, BackwardCells<Cell, float, sizeof(typename Product::Element) == 2>,
                       ForwardCells<Cell, float, sizeof(typename Product::Element) == 2>>;

/// f.template operator()<Product>() with the product for this precision and shape. There is no backward product in
/// fp16: see pass.cpp.
template <bool kBackward, class F>
bool with_product(Precision precision, const PersistentShape& shape, F&& f) {
  switch (precision) {
    case Precision::fp32:
      if (shape.lanes == 32)
        return shape.columns == 1 ? f.template operator()<FmaProduct<1, 32>>()
                                  : f.template operator()<FmaProduct<4, 32>>();
      return shape.columns == 1 ? f.template operator()<FmaProduct<1, 4>>() : f.template operator()<FmaProduct<4, 4>>();
    case Precision::tf32:
      return f.template operator()<TileProduct<Tf32Arithmetic>>();
    case Precision::bf16:
      return f.template operator()<TileProduct<Bf16Arithmetic>>();
    case Precision::fp16:
      if constexpr (!kBackward) return f.template operator()<TileProduct<Fp16Arithmetic>>();
      break;
  }
  return false;
}

/// The number of blocks (of one multiprocessor) or clusters of this kernel that are resident at once, as `ask()`
/// answers after prepare(). The driver is asked once in a context, not at every pass: it takes microseconds.
template <class Kernel, class Ask>
int resident(Kernel* kernel, const LaunchConfig& shape, Ask&& ask) {
  auto& answers = context().resident;
  const std::tuple key{reinterpret_cast<const void*>(kernel), shape.shared, shape.cluster};
  if (const auto known = answers.find(key); known != answers.end()) return known->second;
  prepare(kernel, shape);
  return answers[key] = ask();
}

/// f(cells, kernel, its launch, its shape) for a layer of H units and B columns, if all blocks fit on the device at
/// once; `cells` is std::type_identity<CellsOf<Arguments, ...>>. Returns f's answer; false if they do not fit.
template <class Arguments, class F>
bool with_grid_kernel(Index H, Index B, Precision precision, F&& f) {
  const DeviceInfo& device = context().device;
  const auto shape = grid_shape(device, precision, kIsBackward<Arguments>, H, B);
  if (!shape) return false;
  return with_product<kIsBackward<Arguments>>(precision, *shape, [&]<class Product>() {
    using Cells = CellsOf<Arguments, Product>;
    const auto kernel = persistent<Product, GridExchange, Cells>;
    const LaunchConfig launch_shape{static_cast<unsigned>(shape->blocks), kPersistentThreads, shape->shared(), 0, true};
    const int fit = resident(kernel, launch_shape, [&] {
      int blocks = 0;
      check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, kPersistentThreads, shape->shared()),
            "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
      return blocks;
    });
    return fit * device.multiprocessors >= shape->blocks &&
           f(std::type_identity<Cells>{}, kernel, launch_shape, *shape);
  });
}

template <class Arguments>
bool launch_on_grid(const Arguments& a, Precision precision, std::uint32_t* barrier) {
  return with_grid_kernel<Arguments>(
      a.H, a.step_order.B, precision,
      [&]<class Cells>(std::type_identity<Cells>, auto kernel, const LaunchConfig& launch_shape,
                       const PersistentShape& shape) {
        check(issue(SetCall{barrier, sizeof *barrier, 0, sizeof *barrier, 1}), "cudaMemset2DAsync");
        return try_launch("lstm grid-persistent", kernel, launch_shape, shape, Cells{a}, barrier);
      });
}

/// The number of such clusters that are resident at once; 0 if the device does not support the size.
template <class Kernel>
int clusters_at_once(Kernel* kernel, const LaunchConfig& shape) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = shape.cluster, attribute.val.clusterDim.y = 1, attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(shape.cluster);
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared;
  config.attrs = &attribute;
  config.numAttrs = 1;
  int clusters = 0;
  if (cudaOccupancyMaxActiveClusters(&clusters, kernel, &config) == cudaSuccess) return clusters;
  cudaGetLastError();  // unsupported cluster size: clear the error
  return 0;
}

/// The same for clusters of `blocks` blocks. The columns of a cluster depend on how many clusters are resident, and
/// that on the shared memory of the columns: starts with as many as there are multiprocessors for, and takes what the
/// device answers until it is enough.
template <class Arguments, class F>
bool with_cluster_kernel_of(int blocks, Index H, Index B, Precision precision, F&& f) {
  const DeviceInfo& device = context().device;
  for (int expected = std::max(device.multiprocessors / blocks, 1); expected > 0;) {
    const auto shape = cluster_shape(device, precision, kIsBackward<Arguments>, H, B, blocks, expected);
    if (!shape) return false;
    const Index wanted = (B + shape->columns - 1) / shape->columns;
    int clusters = 0;
    bool launched = false;
    const bool supported = with_product<kIsBackward<Arguments>>(precision, *shape, [&]<class Product>() {
      using Cells = CellsOf<Arguments, Product>;
      const auto kernel = persistent<Product, ClusterExchange, Cells>;
      const auto launch_shape = [&](int count) {
        return LaunchConfig{static_cast<unsigned>(count * blocks), kPersistentThreads, shape->shared(),
                            static_cast<unsigned>(blocks)};
      };
      clusters = resident(kernel, launch_shape(1), [&] { return clusters_at_once(kernel, launch_shape(1)); });
      if (clusters >= std::min<Index>(expected, wanted))
        launched = f(std::type_identity<Cells>{}, kernel,
                     launch_shape(static_cast<int>(std::min<Index>(clusters, wanted))), *shape);
      return clusters > 0;
    });
    if (launched) return true;
    if (!supported || clusters >= std::min<Index>(expected, wanted)) return false;
    expected = clusters;
  }
  return false;
}

/// Tries the largest clusters first: they divide a step's work most.
template <class Arguments, class F>
bool with_cluster_kernel(Index H, Index B, Precision precision, F&& f) {
  if (context().device.major < 9) return false;
  for (int blocks = 16; blocks >= 1; blocks /= 2)
    if (with_cluster_kernel_of<Arguments>(blocks, H, B, precision, f)) return true;
  return false;
}

template <class Arguments>
bool launch_on_clusters(const Arguments& a, Precision precision) {
  return with_cluster_kernel<Arguments>(
      a.H, a.step_order.B, precision,
      [&]<class Cells>(std::type_identity<Cells>, auto kernel, const LaunchConfig& launch_shape,
                       const PersistentShape& shape) {
        return try_launch("lstm cluster-persistent", kernel, launch_shape, shape, Cells{a},
                          static_cast<std::uint32_t*>(nullptr));
      });
}

}  // namespace rondo::inline RONDO_ABI::cuda

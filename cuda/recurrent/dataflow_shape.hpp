// SPDX-License-Identifier: MIT
// Partition of a recurrent layer among the blocks of the dataflow-persistent algorithm, and the layout of their shared
// memory. Plain C++, so that it can be tested without a GPU. The kernel is in dataflow.cuh.
//
// The partition has two dimensions: a cluster owns some units, and each of its blocks a part of the depth for all of
// them. The sums of the blocks' products are those of the cluster's units, and each block computes the cells of some
// of these. Legend: H hidden units, B batch.
#pragma once

#include "persistent_shape.hpp"

#include <cstddef>
#include <optional>

namespace rondo::inline RONDO_ABI::cuda {

/// Largest number of blocks in a cluster: the largest that every device with clusters supports.
inline constexpr int kDataflowBlocks = 8;

/// Bytes of the two barrier objects at the start of shared memory.
inline constexpr std::size_t kDataflowBarriers = 16;

struct DataflowShape {
  /// Of a block's product: `hidden`, `parts`, `columns`, `blocks` per cluster and the partition among threads, with
  /// `units` of the cluster, and as `padded` the units of a block's part of the depth.
  PersistentShape product;
  int clusters = 0;
  int block_units = 0;       // units whose cells a block computes; even
  int products = 0;          // sums per unit: 4 forward (a row of zeros for the GRU), 1 backward
  std::size_t received = 0;  // bytes: 2 rounds x blocks x columns x block_units x products floats

  std::size_t shared() const { return kDataflowBarriers + product.shared() + received; }
};

/// The most columns at once, up to `columns`, with which the layer fits `clusters` clusters of `blocks` blocks (it may
/// use fewer). `gates`: those of the cell. nullopt if it does not fit, or H does not allow loads of 16 bytes.
std::optional<DataflowShape> dataflow_shape(Precision precision, bool backward, int gates, Index H, Index columns,
                                            int clusters, int blocks, std::size_t shared_bytes);

}  // namespace rondo::inline RONDO_ABI::cuda

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
#include <cstdint>
#include <optional>

namespace rondo::inline RONDO_ABI::cuda {

/// Sums that a block sends at once, of one column: those of a unit forward, of two units backward.
constexpr int packet_sums(int products_per_unit) { return products_per_unit == 4 ? 4 : 2; }

/// Largest number of blocks in a cluster: the largest that every device with clusters supports.
inline constexpr int kDataflowBlocks = 8;

/// Bytes of the two barrier objects at the start of shared memory.
inline constexpr std::size_t kDataflowBarriers = 16;

/// Division by a constant as one multiplication: exact if numerator times divisor is less than 2^31.
struct Divisor {
  unsigned divisor = 1, multiplier = 0x80000001;

  constexpr Divisor() = default;
  bool operator==(const Divisor&) const = default;
  constexpr explicit Divisor(int d)
      : divisor(static_cast<unsigned>(d)), multiplier(0x80000000 / static_cast<unsigned>(d) + 1) {}
  friend constexpr int operator/(int n, const Divisor& by) {
    return static_cast<int>((std::uint64_t{2 * static_cast<unsigned>(n)} * by.multiplier) >> 32);
  }
  friend constexpr int operator%(int n, const Divisor& by) { return n - n / by * static_cast<int>(by.divisor); }
};

struct DataflowShape {
  /// Of a block's product: `hidden`, `parts`, `columns`, `blocks` per cluster and the partition among threads, with
  /// `units` of the cluster, and as `padded` the units of a block's part of the depth.
  PersistentShape product;
  int clusters = 0;
  int block_units = 0;            // units whose cells a block computes; even
  int products = 0;               // sums per unit: 4 forward (a row of zeros for the GRU), 1 backward
  Divisor loads, packets, units;  // of one part of the depth; of sums of one column; block_units
  std::size_t received = 0;       // bytes: 2 rounds x blocks x columns x block_units x products floats

  bool operator==(const DataflowShape&) const = default;
  std::size_t shared() const { return kDataflowBarriers + product.shared() + received; }
};

/// The partition for `clusters` clusters of `blocks` blocks (it may use fewer clusters), with as few groups of the `B`
/// columns as shared memory allows. `gates`: those of the cell. nullopt if the layer does not fit, or H does not allow
/// loads of 16 bytes.
std::optional<DataflowShape> dataflow_shape(Precision precision, bool backward, int gates, Index H, Index B,
                                            int clusters, int blocks, std::size_t shared_bytes);

}  // namespace rondo::inline RONDO_ABI::cuda

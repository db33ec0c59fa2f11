// SPDX-License-Identifier: MIT
// Partition of an LSTM layer among the blocks of a persistent algorithm, and the layout of their shared memory. Plain
// C++, so that it can be tested without a GPU. The kernel is in persistent.cuh.
//
// A group of blocks (the whole grid, or one cluster) holds all recurrent weights for the whole sequence, each block
// those of `units` units. At each step a block multiplies them by one vector per column, for `columns` columns of the
// batch: forward h(t-1), H elements; backward dz(t), 4H elements. Legend: H hidden units, B batch.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

#include <cstddef>
#include <optional>

namespace rondo::inline RONDO_ABI::cuda {

inline constexpr int kPersistentThreads = 256;  // per block
inline constexpr int kWarps = kPersistentThreads / 32;
inline constexpr int kCells = 2;          // at most, per thread; a cell is one unit of one column
inline constexpr Index kMaxColumns = 64;  // of the batch at once

/// k's of the weights that a thread holds in registers; the others are in shared memory.
inline constexpr int kFmaRegisterWeights = 20;
/// The same on tensor cores, in tiles: as many as nvcc holds without spilling.
constexpr int register_tiles(Precision precision) { return precision == Precision::tf32 ? 24 : 28; }
/// Tiles that a warp processes at once, in independent chains of products.
inline constexpr int kTileGroup = 4;

struct PersistentShape {
  int hidden = 0;       // H
  int padded = 0;       // H rounded up to a multiple of 4: length of a part of a vector
  int parts = 0;        // per vector: 1 forward, 4 backward
  int blocks = 0;       // per group
  int units = 0;        // per block, a multiple of 4
  int rows = 0;         // of a block's weights, padded for the product: 4 * units forward, units backward
  int depth = 0;        // length of a vector, padded for the product
  int splits = 0;       // parts of the depth with separate partial sums, added in order
  int whole_rows = 0;   // tensor cores only: the first rows, whose depth is not split
  int teams = 0;        // tensor cores only: of `splits` warps; a team takes every teams-th of the other rows of tiles
  int tiles = 0;        // tensor cores only: of the depth, in a row of tiles that is not split
  int split_tiles = 0;  // the same in a split; the last one may have zeros
  int lanes = 0;        // FMA only: neighbouring threads that reduce a split by shuffles
  int columns = 0;      // of the batch at once
  int pitch = 0;        // elements from one column's vector to the next in shared memory
  int row_pitch = 0;    // floats from one column's partial sums to the next

  // bytes in shared memory, in this order, each a multiple of 16
  std::size_t weights = 0;          // those not in registers
  std::size_t vectors = 0;          // columns x pitch elements; twice that for a cluster
  std::size_t partial = 0;          // splits x columns x row_pitch floats, and forward row_pitch of the bias
  std::size_t exchange_buffer = 0;  // cluster only: columns x parts x units elements to send to the other blocks

  bool operator==(const PersistentShape&) const = default;
  std::size_t shared() const { return weights + vectors + partial + exchange_buffer; }
};

/// Whether the product uses tensor cores; else it uses FMA on floats.
constexpr bool on_tensor_cores(Precision precision) { return precision != Precision::fp32; }
/// Bytes of an element of a vector.
constexpr int element_bytes(Precision precision) {
  return precision == Precision::bf16 || precision == Precision::fp16 ? 2 : 4;
}
/// Depth (k) of one tile.
constexpr int tile_depth(Precision precision) { return element_bytes(precision) == 2 ? 16 : 8; }

constexpr int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }
constexpr int ceil_div(int n, int by) { return (n + by - 1) / by; }
/// Of a x b x c elements of `width` bytes, rounded up to a multiple of 16.
constexpr std::size_t bytes(int a, int b, int c, int width) {
  return (static_cast<std::size_t>(a) * b * c * width + 15) / 16 * 16;
}

/// Tiles of the warp that has most, on tensor cores: the time of a product.
int tiles_per_warp(const PersistentShape& s);

/// Sets the partition of a block's product of `rows` x `depth` weights among its threads, and `pitch`, `row_pitch` and
/// the bytes of the weights. False if there are too many rows for FMA.
bool partition_product(PersistentShape& s, Precision precision, int rows, int depth);

/// The partition for a group of `blocks` blocks (a grid may use fewer) with `columns` columns at once. nullopt if the
/// shared memory of a block or the cells of a thread do not suffice.
std::optional<PersistentShape> persistent_shape(Precision precision, bool backward, bool cluster, Index H, int blocks,
                                                int columns, std::size_t shared_bytes);

/// For the grid-persistent algorithm: up to one block per multiprocessor, as many columns at once as fit.
std::optional<PersistentShape> grid_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                          Index B);

/// For the cluster-persistent algorithm with `clusters` resident clusters of `blocks` blocks: the fewest columns per
/// cluster with which they process the batch at once, or as many as fit.
std::optional<PersistentShape> cluster_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                             Index B, int blocks, int clusters);

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// How a persistent algorithm divides an LSTM layer among blocks and what it keeps in their shared memory. Plain C++, so
// that it can be tested without a GPU. The kernel is in persistent.cuh.
//
// A group of blocks (the whole grid, or one cluster) holds all recurrent weights; each of its blocks those of `units`
// units, for the whole sequence. At each step it multiplies them by one vector for each of `columns` columns of the
// batch: going forward h(t-1), H numbers; coming back dz(t), four times H. Legend: H hidden units, B batch.
#pragma once

#include <rondo/core/precision.hpp>
#include <rondo/core/view.hpp>
#include <rondo/cuda/context.hpp>

#include <cstddef>
#include <optional>

namespace rondo::inline RONDO_ABI::cuda {

inline constexpr int kPersistentThreads = 256;  // of a block
inline constexpr int kWarps = kPersistentThreads / 32;
inline constexpr int kCells = 2;  // units times columns that one thread keeps the cells of, at most

/// k's of the weights that a thread holds in registers; the rest is in shared memory.
inline constexpr int kFmaRegisterWeights = 20;
/// The same on tensor cores, in tiles of k's: as many as nvcc holds without spilling. Of tf32x3 it holds both parts.
constexpr int register_tiles(Precision precision) {
  return precision == Precision::tf32x3 ? 8 : precision == Precision::tf32 ? 28 : 32;
}

struct PersistentShape {
  int hidden = 0;     // H
  int padded = 0;     // H up to a multiple of 4: the parts of a vector begin at multiples of it
  int parts = 0;      // of a vector: 1 forward, 4 backward
  int blocks = 0;     // of a group
  int units = 0;      // of a block, a multiple of 4
  int rows = 0;       // of a block's weights, as the product takes them: 4 units forward, units backward, padded
  int depth = 0;      // length of a vector as the product takes it, padded
  int splits = 0;     // parts of the depth that are summed apart and added in their order
  int lanes = 0;      // by FMA: neighbouring threads that sum a split among themselves
  int columns = 0;    // of the batch at once
  int pitch = 0;      // words from one column's vector to the next in shared memory
  int row_pitch = 0;  // floats from one column's partial sums to the next

  // bytes in shared memory, in this order, each a multiple of 16
  std::size_t weights = 0;          // what registers do not hold
  std::size_t vectors = 0;          // columns x pitch words; twice that for a cluster
  std::size_t partial = 0;          // splits x columns x row_pitch floats
  std::size_t exchange_buffer = 0;  // of a cluster: columns x parts x units words on their way to the other blocks

  std::size_t shared() const { return weights + vectors + partial + exchange_buffer; }
};

/// The products that persistent kernels have: FMA on floats, or tiles on tensor cores.
constexpr bool on_tensor_cores(Precision precision) { return precision != Precision::fp32; }
/// Bytes of a word of a vector.
constexpr int element_bytes(Precision precision) {
  return precision == Precision::bf16 || precision == Precision::fp16 ? 2 : 4;
}
/// The k's of one tile.
constexpr int tile_depth(Precision precision) { return element_bytes(precision) == 2 ? 16 : 8; }

/// A group of exactly or (where fewer do) up to `blocks` blocks with `columns` columns at once. Nothing if a block's
/// shared memory or a thread's cells do not suffice.
std::optional<PersistentShape> persistent_shape(Precision precision, bool backward, bool cluster, Index H, int blocks,
                                                int columns, std::size_t shared_bytes);

/// For the grid-persistent algorithm: as many blocks as the device has multiprocessors, as many columns at once as fit.
std::optional<PersistentShape> grid_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                          Index B);

/// For the cluster-persistent algorithm with clusters of `blocks`, of which so many run at once: the fewest columns for
/// which they take the batch together, or as many as fit.
std::optional<PersistentShape> cluster_shape(const DeviceInfo& device, Precision precision, bool backward, Index H,
                                             Index B, int blocks, int clusters);

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// The two exchanges of the dataflow-persistent algorithm, without a barrier of the grid or of a cluster:
//
//   Slots        the operand of the next product, from the cells of all blocks to those that multiply it, through L2:
//                the data is its own flag. Each step has a slot of its own, whose words are set before the kernel to a
//                value that no result has; a reader polls until none of its words has it.
//   PartialSums  the products of the blocks of a cluster, to the block that computes their cells, through distributed
//                shared memory: asynchronous stores, which a barrier object of the reader counts.
//
// Neither waits for a fence. Why a slot of `received` is free when the next sums arrive: see PartialSums.
#pragma once

#include "dataflow_shape.hpp"
#include "persistent_exchange.cuh"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// A word that no result has: an element, or two elements of 16 bits, with all bits set. That is a NaN; the operations
/// of a GPU produce another one, and word_of replaces those that came from memory.
inline constexpr std::uint32_t kUnset = 0xffffffff;

__device__ inline std::uint32_t word_of(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  return bits == kUnset ? 0x7fffffff : bits;
}
__device__ inline std::uint32_t word_of(std::uint16_t low, std::uint16_t high) {
  const auto without_unset = [](std::uint32_t half) { return half == 0xffff ? 0x7fff : half; };
  return without_unset(low) | without_unset(high) << 16;
}

/// Copies a block's part of the depth, `length` elements, from each of kParts parts of the vectors of `columns` columns
/// to shared memory. Parts are `part_stride` elements apart. If `poll`, waits until all are set.
template <int kParts, class Element>
__device__ void gather(const DataflowShape& shape, Vectors<Element> from, Index part_stride, int length, int columns,
                       bool poll, Element* vectors) {
  constexpr int kWide = 16 / sizeof(Element), kBatch = 4;  // loads in flight
  const PersistentShape& s = shape.product;
  const int count = s.padded / kWide * kParts * columns;
  for (int first = static_cast<int>(threadIdx.x); first < count; first += kBatch * kPersistentThreads) {
    const uint4* address[kBatch];
    uint4 values[kBatch];
    uint4* to[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int at = first + i * kPersistentThreads, row = at / shape.loads, place = at % shape.loads;
      const int part = row % kParts, column = row / kParts;
      to[i] = nullptr;
      if (at >= count || place * kWide >= length) continue;
      to[i] = reinterpret_cast<uint4*>(vectors + column * s.pitch + part * s.padded) + place;
      address[i] = reinterpret_cast<const uint4*>(from.data + from.stride * column + part * part_stride) + place;
      values[i] = from.data ? device::load_relaxed(address[i]) : uint4{};
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      if (!to[i]) continue;
      const auto is_unset = [](const uint4& v) {
        return v.x == kUnset || v.y == kUnset || v.z == kUnset || v.w == kUnset;
      };
      for (device::Polls polls("a slot of the operand"); poll && is_unset(values[i]);) {
        polls.wait();
        values[i] = device::load_relaxed(address[i]);
      }
      *to[i] = values[i];
    }
  }
}

/// Stores one output of each of a warp's cells to the slot of their step. The lanes of two neighbouring units are
/// neighbours; those without a cell take part as well. `place`: of the unit's element; null: no cell.
__device__ inline void publish(std::uint16_t* place, std::uint16_t element) {
  const std::uint16_t other = static_cast<std::uint16_t>(__shfl_xor_sync(0xffffffffu, unsigned{element}, 1));
  if (place && threadIdx.x % 2 == 0)
    device::store_relaxed(reinterpret_cast<std::uint32_t*>(place), word_of(element, other));
}
__device__ inline void publish(float* place, float element) {
  if (place) device::store_relaxed(reinterpret_cast<std::uint32_t*>(place), word_of(element));
}

/// The sums of a cluster's products, in rounds: one for each step of each group of columns. Every block sends its sums
/// of each cell to the block that computes it, which adds them in the order of the blocks.
///
/// There are two buffers, for even and odd rounds. A block sends the sums of round n + 2 after those of round n + 1
/// have arrived, which every block of the cluster sends after it has read those of round n: that buffer is free. A
/// block without a cell is sent nothing, and does not wait. What it sends in round n + 2 depends on its part of the
/// operand, and that on all cells of round n + 1; at the first step of a group of columns it does not, so a barrier of
/// the cluster separates the groups.
template <int kProducts>
class PartialSums {
 public:
  /// `first_unit`: of the cluster. To be called by all threads, with a barrier of the cluster before the first round.
  __device__ PartialSums(const DataflowShape& s, int first_unit, device::TransactionBarrier* barriers, float* received)
      : s_(s), barriers_(barriers), received_(received) {
    rank_ = static_cast<int>(device::cluster_rank());
    units_ = min(s.product.units, s.product.hidden - first_unit);
    const int mine = units_ - rank_ * s.block_units;
    own_units_ = mine < 0 ? 0 : min(mine, s.block_units);
    if (threadIdx.x == 0)
      for (int parity = 0; parity < 2; ++parity) device::initialise(barriers_ + parity);
  }

  /// Units whose cells this block computes.
  __device__ int own_units() const { return own_units_; }

  /// Sends the sums over the splits of `partial`, see TileProduct and FmaProduct.
  __device__ void send(const float* partial, int columns) {
    if (own_units_ > 0 && threadIdx.x == 0)
      device::expect(barriers_ + parity(), s_.product.blocks * columns * own_units_ * kProducts * 4);
    const PersistentShape& p = s_.product;
    const int count = columns * (p.units * kProducts / kPacket);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kPersistentThreads) {
      const int column = i / s_.packets, row = i % s_.packets * kPacket, unit = row / kProducts;
      if (unit >= units_) continue;
      Packet sum{};
      const int splits = row < p.whole_rows ? 1 : p.splits;
      for (int split = 0; split < splits; ++split) {
        const auto& part = *reinterpret_cast<const Packet*>(partial + (split * p.columns + column) * p.row_pitch + row);
        for (int n = 0; n < kPacket; ++n) sum.values[n] += part.values[n];
      }
      device::store_async(reinterpret_cast<Packet*>(place(rank_, column, unit % s_.units)),
                          static_cast<unsigned>(unit / s_.units), sum, barriers_ + parity());
    }
  }

  /// Waits for the sums of this round. A block without a cell does not wait.
  __device__ void wait() const {
    if (own_units_ > 0) device::wait(barriers_ + parity(), round_ / 2 % 2);
  }

  /// Adds the sums of a cell, in the order of the blocks.
  template <int kCount>
  __device__ void add(int column, int unit, float (&to)[kCount]) const {
    for (int block = 0; block < s_.product.blocks; ++block) {
      const float* sums = place(block, column, unit);
      for (int n = 0; n < kCount; ++n) to[n] += sums[n];
    }
  }

  __device__ void next_round() { ++round_; }

 private:
  static constexpr int kPacket = packet_sums(kProducts);
  struct alignas(4 * kPacket) Packet {
    float values[kPacket];
  };

  __device__ unsigned parity() const { return round_ % 2; }
  __device__ float* place(int block, int column, int unit) const {
    const PersistentShape& p = s_.product;
    const int buffer = static_cast<int>(parity()) * p.blocks + block;
    return received_ + ((buffer * p.columns + column) * s_.block_units + unit) * kProducts;
  }

  const DataflowShape& s_;
  device::TransactionBarrier* barriers_;
  float* received_;
  int rank_, units_, own_units_;
  unsigned round_ = 0;
};

}  // namespace rondo::inline RONDO_ABI::cuda

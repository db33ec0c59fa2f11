// SPDX-License-Identifier: MIT
// Exchange of the operand of the next step among the blocks of a group: through L2 with a barrier of the grid, or
// through distributed shared memory with a barrier of the cluster. A vector has kParts parts of H elements: 1 forward,
// 4 backward.
#pragma once

#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <cstdint>

namespace rondo::inline RONDO_ABI::cuda {

/// Vectors in global memory with stride `stride`, one per column. Null: zeros.
template <class Element>
struct Vectors {
  const Element* data;
  Index stride;
};

/// Copies the vectors of columns [first, first + count) of B from global memory, bypassing L1. The padding between H
/// and the padded length of a part stays zero. Copies 16 bytes at a time where H and the stride allow, with several
/// loads in flight.
template <int kParts, class Element>
class VectorCopy {
 public:
  __device__ VectorCopy(const PersistentShape& s, Vectors<Element> from, Index first, int count, Element* vectors)
      : s_(s) {
    constexpr int kWide = 16 / sizeof(Element);
    if (s.hidden % kWide == 0 && from.stride % kWide == 0)
      copy<uint4, kWide>(from, first, count, vectors);
    else
      copy<Element, 1>(from, first, count, vectors);
  }

 private:
  template <class Group, int kElements>
  __device__ void copy(Vectors<Element> from, Index first, int count, Element* vectors) const {
    constexpr int kBatch = 4;
    const int length = s_.hidden / kElements, rows = count * kParts;  // a row: one part of one column
    int row = 0, at = static_cast<int>(threadIdx.x);
    while (at >= length && row < rows) at -= length, ++row;
    while (row < rows) {
      Group values[kBatch];
      Element* to[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        to[i] = nullptr;
        if (row >= rows) continue;
        to[i] = vectors + row / kParts * s_.pitch + row % kParts * s_.padded + at * kElements;
        const Index part = from.stride * (first + row / kParts) + row % kParts * s_.hidden;
        values[i] = from.data ? device::load_l2(reinterpret_cast<const Group*>(from.data + part) + at) : Group{};
        at += kPersistentThreads;
        while (at >= length && row < rows) at -= length, ++row;
      }
#pragma unroll
      for (int i = 0; i < kBatch; ++i)
        if (to[i]) *reinterpret_cast<Group*>(to[i]) = values[i];
    }
  }

  const PersistentShape& s_;
};

/// Group: the whole grid, for the whole batch. Cells write the operand of the next step to global memory; after a
/// barrier of the grid every block reads all of it from L2.
template <class Element, int kParts>
struct GridExchange {
  static constexpr bool kSupported = true;
  static constexpr bool kThroughGlobalMemory = true;  // the next step reads it from there
  const PersistentShape& s;
  std::uint32_t* arrived;
  Element* vectors;
  unsigned round = 0;

  __device__ GridExchange(const PersistentShape& shape, std::uint32_t* barrier, Element* memory, Element*)
      : s(shape), arrived(barrier), vectors(memory) {}

  __device__ int rank() const { return static_cast<int>(blockIdx.x); }
  /// The columns of this group: [first, first + width), repeated every `stride` columns.
  __device__ Index first() const { return 0; }
  __device__ Index width(Index B) const { return B; }
  __device__ Index stride(Index B) const { return B; }

  __device__ const Element* gather(bool, Index, Vectors<Element> from, Index first, int count) {
    VectorCopy<kParts, Element>(s, from, first, count, vectors);
    __syncthreads();
    return vectors;
  }
  __device__ void store(int, int, int, Element) {}
  __device__ void arrive(Index) { device::grid_arrive(arrived, round); }
  __device__ void wait() { device::grid_wait(arrived, gridDim.x, round); }
  __device__ void sync() { __syncthreads(); }
};

/// Group: a cluster, for a few columns of the batch; columns are independent of each other. Vectors are in shared
/// memory, double-buffered by even and odd steps; a block writes the outputs of its units to every block.
template <class Element, int kParts>
struct ClusterExchange {
  static constexpr bool kSupported = device::kHasClusters;
  static constexpr bool kThroughGlobalMemory = false;
  struct alignas(4 * sizeof(Element)) Packet {
    Element words[4];
  };

  const PersistentShape& s;
  Element* vectors;
  Element* exchange_buffer;  // columns x parts x units

  __device__ ClusterExchange(const PersistentShape& shape, std::uint32_t*, Element* memory, Element* out)
      : s(shape), vectors(memory), exchange_buffer(out) {}

  __device__ int rank() const { return static_cast<int>(device::cluster_rank()); }
  __device__ Index first() const { return Index{blockIdx.x} / s.blocks * s.columns; }
  __device__ Index width(Index) const { return s.columns; }
  __device__ Index stride(Index) const { return Index{gridDim.x} / s.blocks * s.columns; }

  __device__ const Element* gather(bool at_start, Index step, Vectors<Element> from, Index first, int count) {
    if (at_start) {
      VectorCopy<kParts, Element>(s, from, first, count, of(step));
      __syncthreads();
    }
    return of(step);
  }
  __device__ void store(int column, int part, int unit, Element word) {
    exchange_buffer[(column * kParts + part) * s.units + unit] = word;
  }
  __device__ void arrive(Index step) {
    __syncthreads();
    Element* next = of(step + 1);
    const int first_unit = rank() * s.units, groups = s.units / 4;
    for (int i = static_cast<int>(threadIdx.x); i < s.columns * kParts * groups; i += kPersistentThreads) {
      const int place = i / groups, unit = i % groups * 4;  // place: one part of one column
      if (first_unit + unit >= s.padded) continue;
      const Packet packet = *reinterpret_cast<const Packet*>(exchange_buffer + place * s.units + unit);
      Element* to = next + place / kParts * s.pitch + place % kParts * s.padded + first_unit + unit;
      for (int block = 0; block < s.blocks; ++block)
        device::store_peer(reinterpret_cast<Packet*>(to), static_cast<unsigned>(block), packet);
    }
    device::cluster_arrive();
  }
  __device__ void wait() { device::cluster_wait(); }
  /// No block may write to the vectors of a block that is not initialised, or that still reads those of other columns.
  __device__ void sync() { device::cluster_barrier(); }

 private:
  __device__ Element* of(Index step) const { return vectors + step % 2 * s.columns * s.pitch; }
};

}  // namespace rondo::inline RONDO_ABI::cuda

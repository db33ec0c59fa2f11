// SPDX-License-Identifier: MIT
// The persistent walk: one kernel for all steps of a layer. A group of blocks keeps the recurrent weights on the chip;
// what one step hands to the next (h going forward, dz coming back) is all that moves, and one barrier a step orders
// it. Three parts make a kernel:
//
//   Product    a block's weights times the vectors of some columns        persistent_products.cuh
//   Exchange   how a step's vectors reach all blocks of the group         below: by L2, or by distributed shared memory
//   Cells      what is computed of the products                           cells.cuh
//
// How much work goes where is PersistentShape's to say. docs/05-cuda-kernels.md tells the idea at length.
#pragma once

#include "cells.cuh"
#include "persistent_products.cuh"
#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

namespace rondo::inline v0::cuda {

/// Where step s finds the vectors that it multiplies, in global memory: part p of column b begins at (b * parts + p) *
/// H. Null: zeros. Forward h(t-1), H numbers a column.
template <class Word>
__device__ const Word* vectors_of(const ForwardCells<float>& cells, Index t) {
  const auto& a = cells.a;
  if constexpr (sizeof(Word) == 2)
    return a.h_words.data + a.H * a.B * t;
  else
    return t > 0 ? a.y + a.H * a.B * (t - 1) : a.h0;
}

/// Backward: dz(t+1), 4H numbers a column; nothing comes before the last step.
template <class Word>
__device__ const Word* vectors_of(const BackwardCells<float>& cells, Index s) {
  const auto& a = cells.a;
  if (s == 0) return nullptr;
  const Index at = 4 * a.H * a.B * (a.T - s);
  if constexpr (sizeof(Word) == 2)
    return a.dz_words.data + at;
  else
    return a.dz + at;
}

/// The weight in row r and at k of a block's product. Forward a row is a gate of a unit, r = 4 unit + gate.
__device__ inline float weight_at(const ForwardCells<float>& cells, const PersistentShape&, int first_unit, int r,
                                  int k) {
  const Index u = first_unit + r / 4, H = cells.a.H;
  return u < H && k < H ? cells.a.R[r % 4 * H + u + 4 * H * k] : 0.0f;
}
/// Backward it is a unit, of R^T, and k counts units within gates.
__device__ inline float weight_at(const BackwardCells<float>& cells, const PersistentShape& s, int first_unit, int r,
                                  int k) {
  const Index u = first_unit + r, gate = k / s.padded, v = k % s.padded, H = cells.a.H;
  return u < H && gate < 4 && v < H ? cells.a.R[gate * H + v + 4 * H * u] : 0.0f;
}

/// Copies the vectors of columns [first, first + count) of B from global memory, past the first-level cache. What lies
/// between H and the padded length of a part stays zero.
template <class Word>
__device__ void copy_vectors(const PersistentShape& s, const Word* from, Index first, int count, Word* vectors) {
  const int length = s.parts * s.hidden;
  for (int i = static_cast<int>(threadIdx.x); i < count * length; i += kPersistentThreads) {
    const int column = i / length, at = i % length, part = at / s.hidden;
    const Word value = from ? device::load_l2(from + (first + column) * length + at) : Word(0);
    vectors[column * s.pitch + part * s.padded + at % s.hidden] = value;
  }
}

/// Group: the whole grid, and the whole batch with it. Cells have written what the next step multiplies to global
/// memory anyway; a barrier of the grid, and every block reads all of it from L2.
template <class Word>
struct GridExchange {
  static constexpr bool kPossible = true;
  static constexpr bool kByMemory = true;  // what cells hand on is read from there at the next step
  const PersistentShape& s;
  std::uint32_t* arrived;
  Word* vectors;
  unsigned round = 0;

  __device__ GridExchange(const PersistentShape& shape, std::uint32_t* barrier, Word* memory, Word*)
      : s(shape), arrived(barrier), vectors(memory) {}

  __device__ int rank() const { return static_cast<int>(blockIdx.x); }
  /// This group's columns: [first, last), then again `stride` further.
  __device__ Index first() const { return 0; }
  __device__ Index width(Index B) const { return B; }
  __device__ Index stride(Index B) const { return B; }

  __device__ const Word* gather(bool, Index, const Word* from, Index first, int count) {
    copy_vectors(s, from, first, count, vectors);
    __syncthreads();
    return vectors;
  }
  __device__ void give(int, int, int, Word) {}
  __device__ void arrive(Index) { device::grid_arrive(arrived, round); }
  __device__ void wait() { device::grid_wait(arrived, gridDim.x, round); }
  __device__ void settle() { __syncthreads(); }
};

/// Group: a cluster, with a few columns of the batch; nothing couples columns. Vectors are in shared memory, those of
/// even and of odd steps apart; a block writes what its units give into every block's.
template <class Word>
struct ClusterExchange {
  static constexpr bool kPossible = device::kHasClusters;
  static constexpr bool kByMemory = false;
  struct alignas(4 * sizeof(Word)) Packet {
    Word words[4];
  };

  const PersistentShape& s;
  Word* vectors;
  Word* outbox;  // columns x parts x units

  __device__ ClusterExchange(const PersistentShape& shape, std::uint32_t*, Word* memory, Word* out)
      : s(shape), vectors(memory), outbox(out) {}

  __device__ int rank() const { return static_cast<int>(device::cluster_rank()); }
  __device__ Index first() const { return Index{blockIdx.x} / s.blocks * s.columns; }
  __device__ Index width(Index) const { return s.columns; }
  __device__ Index stride(Index) const { return Index{gridDim.x} / s.blocks * s.columns; }

  __device__ const Word* gather(bool at_start, Index step, const Word* from, Index first, int count) {
    if (at_start) {
      copy_vectors(s, from, first, count, of(step));
      __syncthreads();
    }
    return of(step);
  }
  __device__ void give(int column, int part, int unit, Word word) {
    outbox[(column * s.parts + part) * s.units + unit] = word;
  }
  __device__ void arrive(Index step) {
    __syncthreads();
    Word* next = of(step + 1);
    const int first_unit = rank() * s.units, packets = s.columns * s.parts * s.units / 4;
    for (int i = static_cast<int>(threadIdx.x); i < packets * s.blocks; i += kPersistentThreads) {
      const int packet = i % packets, unit = packet % (s.units / 4) * 4, place = packet / (s.units / 4);
      if (first_unit + unit >= s.padded) continue;
      const int column = place / s.parts, part = place % s.parts;
      device::store_peer(reinterpret_cast<Packet*>(next + column * s.pitch + part * s.padded + first_unit + unit),
                         static_cast<unsigned>(i / packets),
                         *reinterpret_cast<const Packet*>(outbox + place * s.units + unit));
    }
    device::cluster_arrive();
  }
  __device__ void wait() { device::cluster_wait(); }
  /// Nobody writes into the vectors of a block that is not ready, or that still reads those of other columns.
  __device__ void settle() { device::cluster_barrier(); }

 private:
  __device__ Word* of(Index step) const { return vectors + step % 2 * s.columns * s.pitch; }
};

template <class Product, template <class> class ExchangeOf, class Cells>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent(PersistentShape s, Cells cells, std::uint32_t* barrier) {
  using Word = typename Product::Word;
  if constexpr (!ExchangeOf<Word>::kPossible) return;  // compiled for an architecture that is never asked for it
  auto* const memory = device::shared_memory<unsigned char>();
  auto* const vectors = reinterpret_cast<Word*>(memory + s.weights);
  auto* const partial = reinterpret_cast<float*>(memory + s.weights + s.vectors);
  auto* const outbox = reinterpret_cast<Word*>(memory + s.weights + s.vectors + s.partial);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < static_cast<int>((s.vectors + s.partial + s.outbox) / 4); i += kPersistentThreads)
    reinterpret_cast<std::uint32_t*>(vectors)[i] = 0;

  ExchangeOf<Word> exchange(s, barrier, vectors, outbox);
  const int first_unit = exchange.rank() * s.units;
  Product product;
  product.load(s, reinterpret_cast<float4*>(memory),
               [&](int row, int k) { return weight_at(cells, s, first_unit, row, k); });
  exchange.settle();

  const Index B = cells.a.B, first_step = cells.a.first, last_step = cells.a.last, H = cells.a.H;
  for (Index group = exchange.first(); group < B; group += exchange.stride(B)) {
    const Index group_end = min(group + exchange.width(B), B);
    const auto columns_from = [&](Index first) { return static_cast<int>(min(Index{s.columns}, group_end - first)); };
    // A thread's cells are the same at every step. What the product does not change is loaded ahead: it is on its way
    // while the product runs, or, of a step's first columns, while the group meets at the barrier. So is what nobody
    // waits for: it is written between arriving there and waiting.
    const auto for_each_cell = [&](Index first, auto&& f) {
#pragma unroll
      for (int i = 0; i < kCells; ++i) {
        const int cell = thread + i * kPersistentThreads, unit = cell % s.units, column = cell / s.units;
        if (column < columns_from(first) && first_unit + unit < H) f(i, unit, column);
      }
    };
    typename Cells::Inputs inputs[kCells];
    typename Cells::Results results[kCells];
    const auto load = [&](Index step, Index first) {
      for_each_cell(
          first, [&](int i, int unit, int column) { inputs[i] = cells.load(step, first_unit + unit, first + column); });
    };
    const auto hand_on = [&](Index step, Index first) {
      for_each_cell(first, [&](int i, int unit, int column) {
        cells.hand_on(step, first_unit + unit, first + column, results[i]);
      });
    };
    load(first_step, group);
    for (Index step = first_step; step < last_step; ++step) {
      for (Index first = group; first < group_end; first += s.columns) {
        if (first > group) load(step, first);
        const Word* v =
            exchange.gather(step == first_step, step, vectors_of<Word>(cells, step), first, columns_from(first));
        product.multiply(s, v, partial);
        __syncthreads();
        for_each_cell(first, [&](int i, int unit, int column) {
          float taken[Cells::kTaken] = {};
          for (int split = 0; split < s.splits; ++split)
            for (int n = 0; n < Cells::kTaken; ++n)
              taken[n] += partial[(split * s.columns + column) * s.row_pitch + Cells::kTaken * unit + n];
          results[i] = cells.compute(step, inputs[i], taken);
          for (int part = 0; part < Cells::kGiven; ++part)
            exchange.give(column, part, unit, Product::word(results[i].given[part]));
        });
        if constexpr (ExchangeOf<Word>::kByMemory) hand_on(step, first);
        if (first + s.columns >= group_end && step + 1 < last_step) exchange.arrive(step);
        if constexpr (!ExchangeOf<Word>::kByMemory) hand_on(step, first);
        for_each_cell(first, [&](int i, int unit, int column) {
          cells.keep(step, first_unit + unit, first + column, results[i]);
        });
      }
      if (step + 1 == last_step) break;
      load(step + 1, group);
      exchange.wait();
    }
    exchange.settle();
  }
}

}  // namespace rondo::inline v0::cuda

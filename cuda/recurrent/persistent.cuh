// SPDX-License-Identifier: MIT
// The persistent algorithm: one kernel for all steps of an LSTM layer. A group of blocks keeps the recurrent weights on
// the chip; per step it exchanges only the operand of the next product (h forward, dz backward), with one barrier. A
// kernel has three parts:
//
//   Product    a block's weights times the vectors of some columns    fma_product.cuh, tile_product.cuh
//   Exchange   how the operand reaches all blocks of the group         persistent_exchange.cuh
//   Cells      the cells, computed from the products                   cells.cuh
//
// PersistentShape has the partition of the work. docs/05-cuda-kernels.md explains the algorithm.
#pragma once

#include "cells.cuh"
#include "persistent_exchange.cuh"
#include "persistent_shape.hpp"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

/// The operand of step s. Forward it is h(t-1), H elements per column.
template <class Element, class Cell, bool kLow>
__device__ Vectors<Element> vectors_of(const ForwardCells<Cell, float, kLow>& cells, Index s) {
  const auto& a = cells.a;
  if constexpr (sizeof(Element) == 2)
    return {a.h_low.data + a.H * a.step_order.B * s, a.H};
  else if (s == 0)
    return {a.h0, a.H};
  else
    return {&a.y(0, a.step_order.B * a.step_order.before(a.step_order.time(s))), a.y.stride};
}

/// Backward it is dz(t+1), parts of H elements per column, first those of the gates; zero for the first step of the
/// pass.
template <class Element, class Cell, bool kLow>
__device__ Vectors<Element> vectors_of(const BackwardCells<Cell, float, kLow>& cells, Index s) {
  const auto& a = cells.a;
  if (s == 0) return {nullptr, 0};
  const Index stride = Cell::kBlocks * a.H, at = stride * a.step_order.B * a.step_order.backward_time(s - 1);
  if constexpr (sizeof(Element) == 2)
    return {a.dz_low.data + at, stride};
  else
    return {a.dz + at, stride};
}

/// The weight in row r, column k of a block's matrix. Forward a row is a gate of a unit, r = 4 unit + gate, and k
/// counts units from `first_k` on. Rows and columns that are padding are zero.
template <class Cell, bool kLow>
__device__ float weight_at(const ForwardCells<Cell, float, kLow>& cells, const PersistentShape& s, int first_unit,
                           int r, int k, int first_k = 0) {
  const Index u = first_unit + r / 4, gate = r % 4, v = first_k + k, H = cells.a.H;
  return u < H && gate < Cell::kGates && k < s.padded && v < H ? cells.a.R[gate * H + u + Cell::kGates * H * v] : 0.0f;
}
/// Backward a row is a unit (of R^T), and k counts units within gates.
template <class Cell, bool kLow>
__device__ float weight_at(const BackwardCells<Cell, float, kLow>& cells, const PersistentShape& s, int first_unit,
                           int r, int k, int first_k = 0) {
  const Index u = first_unit + r, gate = k / s.padded, v = first_k + k % s.padded, H = cells.a.H;
  return u < H && gate < Cell::kGates && v < H ? cells.a.R[gate * H + v + Cell::kGates * H * u] : 0.0f;
}

template <class Product, template <class, int> class ExchangeOf, class Cells>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent(PersistentShape s, Cells cells, std::uint32_t* barrier) {
  using Element = typename Product::Element;
  using Value = std::conditional_t<Product::kApproximate, device_equations::Approximate, float>;
  using Exchange = ExchangeOf<Element, Cells::kOutputsPerUnit>;
  if constexpr (!Exchange::kSupported) return;  // never launched on an architecture without support
  auto* const memory = device::shared_memory<unsigned char>();
  auto* const vectors = reinterpret_cast<Element*>(memory + s.weights);
  auto* const partial = reinterpret_cast<float*>(memory + s.weights + s.vectors);
  auto* const exchange_buffer = reinterpret_cast<Element*>(memory + s.weights + s.vectors + s.partial);
  const int thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < static_cast<int>((s.vectors + s.partial + s.exchange_buffer) / 4); i += kPersistentThreads)
    reinterpret_cast<std::uint32_t*>(vectors)[i] = 0;

  Exchange exchange(s, barrier, vectors, exchange_buffer);
  const int first_unit = exchange.rank() * s.units;
  Product product;
  product.load(s, reinterpret_cast<float4*>(memory),
               [&](int row, int k) { return weight_at(cells, s, first_unit, row, k); });
  exchange.sync();

  // A cell's sums start at its bias, a further column of `partial`. (Added to Z it would wait for the load of Z.)
  float* const bias = partial + s.splits * s.columns * s.row_pitch;
  if constexpr (!Cells::kBackward)
    for (int i = thread; i < 4 * s.units; i += kPersistentThreads)
      if (first_unit + i / 4 < s.hidden) bias[i] = cells.a.bias[i % 4 * cells.a.H + first_unit + i / 4];

  int units[kCells], columns[kCells];  // the thread's cells, the same at every step
#pragma unroll
  for (int i = 0; i < kCells; ++i) {
    const int cell = thread + i * kPersistentThreads;
    units[i] = cell % s.units, columns[i] = cell / s.units;
    if (first_unit + units[i] >= s.hidden) columns[i] = s.columns;  // none
  }
  const Index B = cells.a.step_order.B, steps = cells.a.steps();
  for (Index group = exchange.first(); group < B; group += exchange.stride(B)) {
    const Index group_end = min(group + exchange.width(B), B);
    const auto end_of = [&](Index step) {
      return max(group, min(group_end, cells.a.step_order.needed_columns(cells.a.time(step))));
    };
    Index end = end_of(0);  // of the columns that the step needs
    const auto columns_from = [&](Index first) { return static_cast<int>(min(Index{s.columns}, end - first)); };
    const auto for_each_cell = [&](Index first, auto&& f) {
#pragma unroll
      for (int i = 0; i < kCells; ++i)
        if (columns[i] < columns_from(first)) f(i, units[i], columns[i]);
    };
    // Loads that do not depend on the product are issued early, to overlap with the product or, for a step's first
    // columns, with the barrier. Stores that the next step does not need are issued between arrive and wait.
    typename Cells::Inputs inputs[kCells];
    typename Cells::Results results[kCells];
    const auto load = [&](Index step, Index first) {
      for_each_cell(
          first, [&](int i, int unit, int column) { inputs[i] = cells.load(step, first_unit + unit, first + column); });
    };
    const auto publish = [&](Index step, Index first) {
      for_each_cell(first, [&](int i, int unit, int column) {
        cells.publish(step, first_unit + unit, first + column, results[i]);
      });
    };
    load(0, group);
    for (Index step = 0; step < steps; ++step) {
      const Index next_end = step + 1 < steps ? end_of(step + 1) : end;
      for (Index first = group; first < end; first += s.columns) {
        if (first > group) load(step, first);
        const Element* v =
            exchange.gather(step == 0, step, vectors_of<Element>(cells, step), first, columns_from(first));
        product.multiply(s, columns_from(first), v, partial);
        __syncthreads();
        for_each_cell(first, [&](int i, int unit, int column) {
          float products[Cells::kProductsPerUnit] = {};
          if constexpr (!Cells::kBackward)
            for (int n = 0; n < Cells::kProductsPerUnit; ++n) products[n] = bias[Cells::kProductsPerUnit * unit + n];
          const int splits = Cells::kProductsPerUnit * unit < s.whole_rows ? 1 : s.splits;
          for (int split = 0; split < splits; ++split)
            for (int n = 0; n < Cells::kProductsPerUnit; ++n)
              products[n] += partial[(split * s.columns + column) * s.row_pitch + Cells::kProductsPerUnit * unit + n];
          results[i] = cells.template compute<Value>(step, inputs[i], products);
          for (int part = 0; part < Cells::kOutputsPerUnit; ++part)
            exchange.store(column, part, unit, Product::to_element(results[i].outputs[part]));
        });
        if constexpr (Exchange::kThroughGlobalMemory) publish(step, first);
        if (first + s.columns >= end && step + 1 < steps) exchange.arrive(step);
        if constexpr (!Exchange::kThroughGlobalMemory) publish(step, first);
        for_each_cell(first, [&](int i, int unit, int column) {
          cells.store(step, first_unit + unit, first + column, results[i]);
        });
      }
      if (step + 1 == steps) break;
      if (end == group) exchange.arrive(step);
      end = next_end;
      load(step + 1, group);
      exchange.wait();
    }
    exchange.sync();
  }
}

}  // namespace rondo::inline RONDO_ABI::cuda

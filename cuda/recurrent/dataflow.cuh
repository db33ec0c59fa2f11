// SPDX-License-Identifier: MIT
// The dataflow-persistent algorithm: as persistent.cuh one kernel for all steps, whose blocks keep the recurrent
// weights on the chip, but partitioned in two dimensions and without a barrier in a step (sm_90 and newer). A step of a
// block:
//
//   gather    its part of the operand, as soon as the cells of the step before have written it    dataflow_exchange.cuh
//   multiply  the weights of all units of its cluster by that part            fma_product.cuh, tile_product.cuh
//   send      the sums to the blocks of the cluster that compute the cells                        dataflow_exchange.cuh
//   compute   its own cells, and publish their outputs, the operand of the next step              cells.cuh
//
// docs/05-cuda-kernels.md explains the algorithm.
#pragma once

#include "dataflow_exchange.cuh"
#include "persistent.cuh"

#include <cuda_runtime.h>
#include <rondo_ptx.cuh>

#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

template <class Product, class Cells>
__global__ void __launch_bounds__(kPersistentThreads, 1) dataflow(DataflowShape shape, Cells cells) {
  using Element = typename Product::Element;
  using Value = std::conditional_t<Product::kApproximate, device_equations::Approximate, float>;
  constexpr int kProducts = Cells::kBackward ? 1 : 4, kParts = Cells::kBackward ? Cells::kGates : 1;
  if constexpr (!device::kHasClusters) return;  // never launched there
  const PersistentShape& s = shape.product;
  auto* const memory = device::shared_memory<unsigned char>();
  auto* const weights = memory + kDataflowBarriers;
  auto* const vectors = reinterpret_cast<Element*>(weights + s.weights);
  auto* const partial = reinterpret_cast<float*>(weights + s.weights + s.vectors);
  auto* const received = reinterpret_cast<float*>(weights + s.weights + s.vectors + s.partial);
  const int thread = static_cast<int>(threadIdx.x), rank = static_cast<int>(device::cluster_rank());
  for (int i = thread; i < static_cast<int>((s.vectors + s.partial) / 4); i += kPersistentThreads)
    reinterpret_cast<std::uint32_t*>(vectors)[i] = 0;

  const int cluster_unit = static_cast<int>(blockIdx.x) / s.blocks * s.units, first_k = rank * s.padded;
  const int first_unit = cluster_unit + rank * shape.block_units;
  PartialSums<kProducts> sums(shape, cluster_unit, reinterpret_cast<device::TransactionBarrier*>(memory), received);
  Product product;
  product.load(s, reinterpret_cast<float4*>(weights),
               [&](int row, int k) { return weight_at(cells, s, cluster_unit, row, k, first_k); });
  float* const bias = partial + s.splits * s.columns * s.row_pitch;  // the start of a cell's sums
  __syncthreads();
  if constexpr (!Cells::kBackward)
    for (int i = thread; i < Cells::kSumsPerUnit * sums.own_units(); i += kPersistentThreads)
      bias[i] = cells.a.bias[i % Cells::kSumsPerUnit * cells.a.H + first_unit + i / Cells::kSumsPerUnit];
  device::cluster_barrier();

  int units[kCells], columns[kCells];  // the thread's cells, the same at every step
#pragma unroll
  for (int i = 0; i < kCells; ++i) {
    const int cell = thread + i * kPersistentThreads;
    units[i] = cell % shape.block_units, columns[i] = cell / shape.block_units;
    if (units[i] >= sums.own_units()) columns[i] = s.columns;  // none
  }
  const Index B = cells.a.step_order.B, H = cells.a.H, steps = cells.a.steps();
  for (Index group = 0; group < B; group += s.columns) {
    const int count = static_cast<int>(min(Index{s.columns}, B - group));
    const auto for_each_cell = [&](auto&& f) {
#pragma unroll
      for (int i = 0; i < kCells; ++i)
        if (columns[i] < count) f(i, first_unit + units[i], group + columns[i]);
    };
    typename Cells::Inputs inputs[kCells];
    typename Cells::Results results[kCells];
    const auto load = [&](Index step) {
      for_each_cell([&](int i, Index unit, Index column) { inputs[i] = cells.load(step, unit, column); });
    };
    load(0);
    for (Index step = 0; step < steps; ++step, sums.next_round()) {
      device::jitter();
      Vectors<Element> operand = vectors_of<Element>(cells, step);
      if (operand.data) operand.data += operand.stride * group + first_k;
      gather<kParts>(shape, operand, H, min(s.padded, s.hidden - first_k), count, step > 0, vectors);
      __syncthreads();
      product.multiply(s, count, vectors, partial);
      __syncthreads();
      device::jitter();
      sums.send(partial, count);
      sums.wait();
      for_each_cell([&](int i, Index, Index) {
        float products[Cells::kSumsPerUnit] = {};
        if constexpr (!Cells::kBackward)
          for (int n = 0; n < Cells::kSumsPerUnit; ++n) products[n] = bias[Cells::kSumsPerUnit * units[i] + n];
        sums.add(columns[i], units[i], products);
        results[i] = cells.template compute<Value>(step, inputs[i], products);
      });
      device::jitter();
      if (!Cells::kBackward || step < cells.a.step_order.T) {  // the last step of a backward pass has no outputs
        const Vectors<Element> slot = vectors_of<Element>(cells, step + 1);
#pragma unroll
        for (int i = 0; i < kCells; ++i) {
          if (i * kPersistentThreads >= shape.block_units * count) break;  // the same for all threads of the block
          const bool has_cell = columns[i] < count;
          Element* const place =
              const_cast<Element*>(slot.data) + slot.stride * (group + columns[i]) + first_unit + units[i];
#pragma unroll
          for (int part = 0; part < Cells::kOutputsPerUnit; ++part)
            publish(has_cell ? place + part * H : nullptr,
                    has_cell ? Product::to_element(results[i].outputs[part]) : Element{});
        }
      }
      // What no other block waits for. With 32-bit elements the slot is the result.
      for_each_cell([&](int i, Index unit, Index column) {
        if constexpr (sizeof(Element) == 2) cells.template publish<false>(step, unit, column, results[i]);
        cells.store(step, unit, column, results[i]);
      });
      if (step + 1 < steps) load(step + 1);
    }
    device::cluster_barrier();
  }
}

}  // namespace rondo::inline RONDO_ABI::cuda

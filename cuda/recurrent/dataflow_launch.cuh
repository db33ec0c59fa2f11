// SPDX-License-Identifier: MIT
// Selects the instance of the dataflow-persistent kernel for a precision and a shape, sets the slots, and launches it.
// These functions return false, and launch nothing, if the device, its shared memory or the shape does not suffice.
#pragma once

#include "dataflow.cuh"
#include "persistent_launch.cuh"

#include <cstdint>
#include <type_traits>

namespace rondo::inline RONDO_ABI::cuda {

/// f(cells, kernel, its launch, its shape) for clusters of `blocks` blocks, all of which are resident at once; `cells`
/// is std::type_identity<CellsOf<...>>. Starts with as many clusters as there are multiprocessors for, and takes what
/// the device answers until it is enough.
template <class Arguments, class Cell, class F>
bool with_dataflow_kernel_of(int blocks, Index H, Index B, Precision precision, F&& f) {
  const DeviceInfo& device = context().device;
  for (int expected = device.multiprocessors / blocks; expected > 0;) {
    const auto shape =
        dataflow_shape(precision, kIsBackward<Arguments>, Cell::kGates, H, B, expected, blocks, device.shared_bytes);
    if (!shape) return false;
    int clusters = 0;
    bool launched = false;
    const bool supported = with_product<kIsBackward<Arguments>>(precision, shape->product, [&]<class Product>() {
      using Cells = CellsOf<Arguments, Product, Cell>;
      const auto kernel = dataflow<Product, Cells>;
      LaunchConfig launch_shape{static_cast<unsigned>(shape->clusters * blocks), kPersistentThreads, shape->shared(),
                                static_cast<unsigned>(blocks), true};
      clusters = resident(kernel, launch_shape, [&] { return clusters_at_once(kernel, launch_shape); });
      if (clusters >= shape->clusters) launched = f(std::type_identity<Cells>{}, kernel, launch_shape, *shape);
      return clusters > 0;
    });
    if (launched) return true;
    if (!supported || clusters >= expected) return false;
    expected = clusters;
  }
  return false;
}

/// Tries the largest clusters first: they divide the depth most.
template <class Arguments, class Cell, class F>
bool with_dataflow_kernel(Index H, Index B, Precision precision, F&& f) {
  if (context().device.major < 9) return false;
  for (int blocks = kDataflowBlocks; blocks >= 1; blocks /= 2)
    if (with_dataflow_kernel_of<Arguments, Cell>(blocks, H, B, precision, f)) return true;
  return false;
}

/// Sets the slots of `count` columns to kUnset: their first `rows` rows.
template <class Element>
void clear_slots(Element* columns, Index stride, Index rows, Index count) {
  check(issue(SetCall{columns, static_cast<std::size_t>(stride) * sizeof(Element), 0xff,
                      static_cast<std::size_t>(rows) * sizeof(Element), static_cast<std::size_t>(count)}),
        "cudaMemset2DAsync");
}

/// The slots of a pass are the operands in 16 bits, or else y. False if loads of y cannot have 16 bytes.
inline bool clear_slots(const ForwardArguments<float>& a) {
  const Index B = a.step_order.B, T = a.step_order.T;
  if (a.h_low.data) {
    clear_slots(a.h_low.data + a.H * B, a.H, a.H, B * T);
    return true;
  }
  if (a.y.stride % 4 != 0 || reinterpret_cast<std::uintptr_t>(a.y.data) % 16 != 0) return false;
  clear_slots(&a.y(0, 0), a.y.stride, a.H, B * T);
  return true;
}

/// The slots are dz, in 16 bits if those are the operands. `rows`: of dz.
inline bool clear_slots(const BackwardArguments<float>& a, Index rows) {
  const Index count = a.step_order.B * a.step_order.T;
  if (a.dz_low.data)
    clear_slots(a.dz_low.data, rows, rows, count);
  else
    clear_slots(a.dz, rows, rows, count);
  return true;
}

/// set_slots(): see clear_slots.
template <class Cell, class Arguments, class F>
bool launch_dataflow(const Arguments& a, Precision precision, F&& set_slots) {
  return with_dataflow_kernel<Arguments, Cell>(
      a.H, a.step_order.B, precision,
      [&]<class Cells>(std::type_identity<Cells>, auto kernel, const LaunchConfig& launch_shape,
                       const DataflowShape& shape) {
        return set_slots() && try_launch("recurrent dataflow-persistent", kernel, launch_shape, shape, Cells{a});
      });
}

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// The one file that a program with RONDO_SEPARATE_KERNELS compiles beside its own: see cpu/kernels.hpp.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>

#include <tuple>

namespace rondo::inline v0::detail {

const Kernels* separate_kernels_of(CpuLevel level) { return kernels_of(level); }

template <class Cell>
const CellKernels* separate_cell_kernels_of(CpuLevel level) {
  return cell_kernels_of<Cell>(level);
}

/// Has the kernels of all cells compiled here.
template <class Cells>
struct SeparateCellKernels;
template <class... Cells>
struct SeparateCellKernels<std::tuple<Cells...>> {
  const CellKernels* (*of[sizeof...(Cells)])(CpuLevel) = {separate_cell_kernels_of<Cells>...};
};
[[gnu::used]] const SeparateCellKernels<PackedCells> separate_cell_kernels{};

}  // namespace rondo::inline v0::detail

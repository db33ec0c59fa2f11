// SPDX-License-Identifier: MIT
// The inner kernels of the level in use. They are compiled where they are included, as everything here; in a program of
// many files that takes its time. Then define RONDO_SEPARATE_KERNELS for all of them and compile one file more, of one
// line: #include <rondo/cpu/compile_kernels.hpp>.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/level.hpp>

#if !defined(RONDO_SEPARATE_KERNELS)
#include <rondo/cpu/kernel_levels.hpp>
#endif

namespace rondo::inline v0::detail {

#if defined(RONDO_SEPARATE_KERNELS)
/// The kernels of a level; null at the baseline, where Eigen serves. Defined by compile_kernels.hpp.
const Kernels* separate_kernels_of(CpuLevel level);
template <class Cell>
const CellKernels* separate_cell_kernels_of(CpuLevel level);
#endif

/// The kernels of the level in use; null at the baseline, where Eigen serves.
inline const Kernels* kernels() {
#if defined(RONDO_SEPARATE_KERNELS)
  return separate_kernels_of(cpu_level());
#else
  return kernels_of(cpu_level());
#endif
}

/// The same for one kind of cell.
template <class Cell>
const CellKernels* cell_kernels() {
#if defined(RONDO_SEPARATE_KERNELS)
  return separate_cell_kernels_of<Cell>(cpu_level());
#else
  return cell_kernels_of<Cell>(cpu_level());
#endif
}

}  // namespace rondo::inline v0::detail

// SPDX-License-Identifier: MIT
// The inner kernels of the level in use (level.hpp). Their text is compiled for several instruction sets, which takes
// seconds: in the library with RONDO_COMPILED, else in every file that includes this.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/level.hpp>

namespace rondo::inline RONDO_ABI::detail {

/// The kernels of the level in use; null at the baseline, where Eigen computes.
RONDO_INLINE const Kernels* kernels();

/// The same for one kind of cell. Defined in kernel_levels.hpp.
template <class Cell>
const CellKernels* cell_kernels();

/// The kernels of a stream; null at the baseline. Defined in kernel_levels.hpp.
template <class Cell>
const StreamKernels* stream_kernels();
RONDO_INLINE StreamLinearKernel stream_linear_kernel();

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/kernels.inl>
#endif

// SPDX-License-Identifier: MIT
// The inner kernels of the instruction-set level in use (level.hpp). They are compiled for several instruction sets,
// which takes seconds: once in the library with RONDO_COMPILED, otherwise in each file that includes this header.
#pragma once

#include <rondo/cpu/kernel_arguments.hpp>
#include <rondo/cpu/level.hpp>

namespace rondo::inline RONDO_ABI::detail {

/// The kernels of the level in use; null at the baseline, which uses Eigen.
RONDO_INLINE const Kernels* kernels();

/// The recurrent kernels for one cell; null at the baseline. Defined in kernel_levels.hpp.
template <class Cell>
const CellKernels* cell_kernels();

/// The streaming kernels for one cell; null at the baseline. Defined in kernel_levels.hpp.
template <class Cell>
const StreamKernels* stream_kernels();

/// The streaming kernels for one cell with weights of bf16 or int8, at every level. Defined in kernel_levels.hpp.
template <class Cell>
StreamForm stream_reduced_form(long hidden, bool fast, bool int8);

/// The streaming kernel of a linear layer; null at the baseline.
RONDO_INLINE StreamLinearKernel stream_linear_kernel();

}  // namespace rondo::inline RONDO_ABI::detail

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/kernels.inl>
#endif

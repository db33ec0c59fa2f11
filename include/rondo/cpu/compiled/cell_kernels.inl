// SPDX-License-Identifier: MIT
// The inner kernels of one cell at all instruction-set levels, for explicit instantiation.
#pragma once

#include <rondo/cpu/kernel_levels.hpp>

namespace rondo::inline RONDO_ABI::detail {

/// An explicit instantiation instantiates the functions whose addresses are taken.
template <class Cell>
struct KernelsOfCell {
  static constexpr auto kFunction = cell_kernels<Cell>;
};

/// The same for streams, which have more kernels than all else: in files of their own, for builds without streams.
template <class Cell>
struct StreamKernelsOfCell {
  static constexpr auto kFunction = stream_kernels<Cell>;
  static constexpr auto kReducedForm = stream_reduced_form<Cell>;
};

}  // namespace rondo::inline RONDO_ABI::detail

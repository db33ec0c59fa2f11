// SPDX-License-Identifier: MIT
// The inner kernels of all instruction-set levels, for all cells with a packed pass.
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/kernels.inl>

#include <tuple>

namespace rondo::inline RONDO_ABI::detail {

/// An explicit instantiation instantiates the functions whose addresses are taken.
template <class Cells>
struct AllCellKernels;
template <class... Cells>
struct AllCellKernels<std::tuple<Cells...>> {
  static constexpr const CellKernels* (*kFunctions[])() = {cell_kernels<Cells>...};
  static constexpr const StreamKernels* (*kStreamFunctions[])() = {stream_kernels<Cells>...};
  static constexpr StreamForm (*kReducedForms[])(long, bool, bool) = {stream_reduced_form<Cells>...};
};
template struct AllCellKernels<PackedCells>;

}  // namespace rondo::inline RONDO_ABI::detail

// SPDX-License-Identifier: MIT
// The kernels of one level: no include guard. The including file has opened a namespace that holds the level's
// registers (registers.inl), `kTileColumns` and `dot_pairs(a, b, c)` = c + a0 b0 + a1 b1 for packed elements of two
// bfloat16.

// The order matters: each file uses those before it.
// clang-format off
#include <rondo/cpu/kernels/products.inl>
#include <rondo/cpu/kernels/pack.inl>
#include <rondo/cpu/kernels/gemm.inl>
#include <rondo/math/packed_cells.inl>
#include <rondo/cpu/kernels/recurrent.inl>
#include <rondo/cpu/kernels/streaming.inl>
#include <rondo/cpu/kernels/elementwise.inl>
#include <rondo/cpu/kernels/random.inl>
// clang-format on

template <class P>
inline constexpr ProductKernels<typename P::Packed> kProductKernels{pack<P>, multiply_packed<P>, add_gradients<P>};

template <class P, class Cell>
inline constexpr CellProductKernels<typename P::Packed> kCellProductKernels{
    pack_gates<P, Cell::kGates>, project_gates<P, Cell>, step<P, Cell>, step_backward<P, Cell>};

// SPDX-License-Identifier: MIT
// The kernels of one level: no include guard. The including file has opened a namespace that holds the level's
// registers (registers.inl), `kTileColumns` and `Bf16Product`, the product of Precision::bf16.

// The order matters: each file uses those before it.
// clang-format off
#include <rondo/cpu/kernels/pack.inl>
#include <rondo/cpu/kernels/gemm.inl>
#include <rondo/math/packed_cells.inl>
#include <rondo/cpu/kernels/recurrent.inl>
#include <rondo/cpu/kernels/streaming.inl>
#include <rondo/cpu/kernels/stream_registers.inl>
#include <rondo/cpu/kernels/stream_functions.inl>
#include <rondo/cpu/kernels/stream_cells.inl>
#include <rondo/cpu/kernels/stream_rotate.inl>
#include <rondo/cpu/kernels/stream_overlap.inl>
#include <rondo/cpu/kernels/stream_pair.inl>
#include <rondo/cpu/kernels/stream_update.inl>
#include <rondo/cpu/kernels/stream_broadcast.inl>
#include <rondo/cpu/kernels/stream_voices.inl>
#include <rondo/cpu/kernels/stream_project.inl>
#include <rondo/cpu/kernels/stream_forms.inl>
#include <rondo/cpu/kernels/stream_reduced.inl>
#include <rondo/cpu/kernels/elementwise.inl>
#include <rondo/cpu/kernels/random.inl>
// clang-format on

template <class P>
inline constexpr ProductKernels kProductKernels{
    P::Product::kValues,
    pack<P>,
    multiply_packed<typename P::Product>,
    [](const GradientSums& s, long first, long last) { add_gradients<typename P::Product>(s, first, last, pack<P>); },
    std::is_same_v<P, Fp32> ? nullptr : copy_as_bf16<typename P::Product>,
    std::is_same_v<P, Fp32> ? nullptr : copy_transposed_as_bf16<typename P::Product>};

template <class P, class Cell>
inline constexpr CellProductKernels kCellProductKernels{
    pack_gates<P, Cell::kGates>, project_gates<typename P::Product, Cell>, step<typename P::Product, Cell>,
    step_backward<typename P::Product, Cell>};

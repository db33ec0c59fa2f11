// SPDX-License-Identifier: MIT
// Everything that a level computes: no include guard. The including file has opened a namespace that holds the level's
// registers (registers.inl), `kTileColumns` and `dot_pairs(a, b, c)` = c + a0 b0 + a1 b1 for words of two bfloat16.

// Each builds on those before it.
// clang-format off
#include <rondo/cpu/kernels/products.inl>
#include <rondo/cpu/kernels/pack.inl>
#include <rondo/cpu/kernels/gemm.inl>
#include <rondo/math/lstm_equations.inl>
#include <rondo/cpu/kernels/lstm.inl>
#include <rondo/cpu/kernels/streaming.inl>
#include <rondo/cpu/kernels/elementwise.inl>
#include <rondo/cpu/kernels/random.inl>
// clang-format on

template <class P>
inline constexpr ProductKernels<typename P::Word> kProductKernels{
    pack<P>,      pack_gates<P>,         multiply_packed<P>, project_gates<P>,
    lstm_step<P>, lstm_step_backward<P>, add_gradients<P>};

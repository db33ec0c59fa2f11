// SPDX-License-Identifier: MIT
// Everything that a level has: no include guard. The including file has opened a namespace that holds the level's `Vector`
// of floats, `multiply_add(a, b, c)` = a * b + c, and `kTileColumns`.

// clang-format off: each builds on those before it
#include <rondo/cpu/kernels/vector.inl>
#include <rondo/cpu/kernels/pack.inl>
#include <rondo/cpu/kernels/gemm.inl>
#include <rondo/math/lstm_equations.inl>
#include <rondo/cpu/kernels/lstm.inl>
#include <rondo/cpu/kernels/elementwise.inl>
#include <rondo/cpu/kernels/table.inl>
// clang-format on

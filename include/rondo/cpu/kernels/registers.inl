// SPDX-License-Identifier: MIT
// Registers of floats, their products and bfloat16: no include guard. The including file has opened a namespace and
// included the level's instructions there (levels/*.inl).

// The order matters: each file uses those before it.
// clang-format off
#include <rondo/cpu/kernels/vector.inl>
#include <rondo/cpu/kernels/bf16.inl>
#include <rondo/cpu/kernels/products.inl>
// clang-format on

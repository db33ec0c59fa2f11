// SPDX-License-Identifier: MIT
// The definitions of all CPU operations, for a cell or scalar type of your own with RONDO_COMPILED (CMake: rondo::nn):
// the library holds the operations of Rondo's cells in float and double; a file that includes this compiles those of
// its own types. Header-only programs have them anyway.
#pragma once

#include <rondo/cpu/dropout.inl>
#include <rondo/cpu/embedding.inl>
#include <rondo/cpu/gemm.inl>
#include <rondo/cpu/kernel_levels.hpp>
#include <rondo/cpu/losses.inl>
#include <rondo/cpu/optim.inl>
#include <rondo/cpu/pooling.inl>
#include <rondo/cpu/recurrent.inl>
#include <rondo/cpu/recurrent_inference.inl>
#include <rondo/cpu/regression_losses.inl>
#include <rondo/cpu/streaming.inl>

// SPDX-License-Identifier: MIT
// Definitions of all CPU operations, for user-defined cells or scalar types with RONDO_COMPILED (CMake: rondo::nn). The
// library contains the operations of Rondo's cells in float and double; a file that includes this header compiles them
// for other types. Header-only programs do not need it.
#pragma once

#include <rondo/cpu/dropout.hpp>
#include <rondo/cpu/dropout.inl>
#include <rondo/cpu/embedding.hpp>
#include <rondo/cpu/embedding.inl>
#include <rondo/cpu/gemm.hpp>
#include <rondo/cpu/gemm.inl>
#include <rondo/cpu/kernel_levels.hpp>
#include <rondo/cpu/losses.hpp>
#include <rondo/cpu/losses.inl>
#include <rondo/cpu/optim.hpp>
#include <rondo/cpu/optim.inl>
#include <rondo/cpu/pooling.hpp>
#include <rondo/cpu/pooling.inl>
#include <rondo/cpu/recurrent.hpp>
#include <rondo/cpu/recurrent.inl>
#include <rondo/cpu/recurrent_inference.hpp>
#include <rondo/cpu/recurrent_inference.inl>
#include <rondo/cpu/regression_losses.hpp>
#include <rondo/cpu/regression_losses.inl>
#include <rondo/cpu/streaming.hpp>
#include <rondo/cpu/streaming.inl>

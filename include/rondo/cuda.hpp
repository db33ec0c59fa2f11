// SPDX-License-Identifier: MIT
// The CUDA backend: include this and link rondo::cuda, and every layer runs with `Cuda` in place of `Cpu`:
//
//   rondo::Lstm<float, rondo::Cuda> lstm({.input = 88, .hidden = 512}, rng);
//   const auto& y = lstm.forward(rondo::to<rondo::Cuda>(x), state, cache);
//   rondo::Sequence<float> on_host = rondo::to<rondo::Cpu>(y);
//
// Plain C++: no CUDA header is included here, and no CUDA compiler needed. See docs/05-cuda-kernels.md.
#pragma once

#include <rondo/core/transfer.hpp>
#include <rondo/cuda/algorithm_records.hpp>
#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/captured_step.hpp>
#include <rondo/cuda/context.hpp>
#include <rondo/cuda/directions.hpp>
#include <rondo/cuda/operations.hpp>
#include <rondo/cuda/recurrent.hpp>

// SPDX-License-Identifier: MIT
// What bench_lstm measures of the library, an operation a function. compare/torch_lstm.py and compare/onnx_lstm.py do
// the same work under the same names.
#pragma once

#include "shape.hpp"

#include <rondo/core/precision.hpp>

#include <benchmark/benchmark.h>

namespace bench {

using rondo::Precision;

/// A forward pass from a zero state: C x B x T in, H x B x T out. The weights have been packed before.
void lstm_inference(benchmark::State& state, const Shape& shape, Precision precision);

/// Gradients set to zero, a forward pass, and a backward pass to dx and to all parameters.
void lstm_forward_backward(benchmark::State& state, const Shape& shape, Precision precision);

/// One step of a stream: C x B in, H x B out, the state kept.
void lstm_step(benchmark::State& state, const Shape& shape, Precision precision);

/// A whole step of training on the token model that `piano` uses (388 tokens): gradients set to zero, forward, loss,
/// backward, gradients clipped by their norm, Adam.
void training_step(benchmark::State& state, const Shape& shape, Precision precision);

}  // namespace bench

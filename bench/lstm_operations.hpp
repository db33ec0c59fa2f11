// SPDX-License-Identifier: MIT
// What bench_lstm measures of the library, an operation a function. compare/torch_lstm.py and compare/onnx_lstm.py do
// the same work under the same names. `options` says what a network is besides its sizes: directions, precision.
#pragma once

#include "shape.hpp"

#include <rondo/layers/recurrent_config.hpp>

#include <benchmark/benchmark.h>

namespace bench {

using rondo::Precision, rondo::RecurrentConfig;

/// A forward pass from a zero state: C x B x T in, D*P x B x T out. The weights have been packed before.
template <class Cell>
void inference(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// Gradients set to zero, a forward pass, and a backward pass to dx and to all parameters.
template <class Cell>
void forward_backward(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// One step of a stream: C x B in, P x B out, the state kept.
template <class Cell>
void step(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// A whole step of training on the token model that `piano` uses (388 tokens): gradients set to zero, forward, loss,
/// backward, gradients clipped by their norm, Adam.
void training_step(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

}  // namespace bench

// SPDX-License-Identifier: MIT
// The operations that bench_lstm measures, one function each. compare/torch_lstm.py and compare/onnx_lstm.py do the
// same work under the same names. `options` has the options of a network besides its sizes: directions, precision.
#pragma once

#include "shape.hpp"

#include <rondo/layers/recurrent_config.hpp>

#include <benchmark/benchmark.h>

namespace bench {

using rondo::Precision, rondo::RecurrentConfig;

/// A forward pass from a zero state: C x B x T in, D*P x B x T out. The weights are packed beforehand.
template <class Cell>
void inference(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// Sets gradients to zero, then a forward pass and a backward pass to dx and all parameters.
template <class Cell>
void forward_backward(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// One step of a stream: C x B in, P x B out; the state is kept.
template <class Cell>
void step(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

/// A complete training step of the token model of `piano` (388 tokens): zero gradients, forward, loss, backward,
/// gradient clipping by norm, Adam.
void training_step(benchmark::State& state, const Shape& shape, const RecurrentConfig& options);

}  // namespace bench

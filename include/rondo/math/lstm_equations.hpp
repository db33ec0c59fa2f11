// SPDX-License-Identifier: MIT
// THE equations of the LSTM cell, forward and backward, once. They are written for "a value" and serve a float in a
// CUDA thread, an Eigen array block and a vector register alike. Numbers in brackets are those of docs/01-lstm.md and
// docs/02-backprop-through-time.md. Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber, Cummins 2000.
//
// What is linear stands outside, since it is a matrix product and belongs to each backend: (0) z = W x + R h_before + b
// going forward, (15) to (19) coming back.
#pragma once

#include <cmath>

namespace rondo::inline v0 {

namespace equations {

using std::tanh;

/// The logistic function, 1 / (1 + exp(-x)).
template <class V>
auto sigmoid(const V& x) {
  using std::exp;
  return 1 / (1 + exp(-x));
}

#include <rondo/math/lstm_equations.inl>

}  // namespace equations

using equations::lstm_cell;
using equations::lstm_cell_backward;
using equations::sigmoid;

}  // namespace rondo::inline v0

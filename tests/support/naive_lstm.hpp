// SPDX-License-Identifier: MIT
// A simple LSTM for comparison, independent of the library: loops over units, one sequence at a time, no Eigen, none of
// the library's equations. A ragged batch is a set of sequences of different lengths.
#pragma once

#include <cstddef>
#include <vector>

#include "support/bounded.hpp"

namespace rondo_test {

template <class Number>
using Vector = std::vector<Number>;
template <class Number>
using Columns = std::vector<Vector<Number>>;  // [t][unit]

/// One layer. Rows are gates times units: i, f, g, o.
struct NaiveLayer {
  std::size_t C = 0, H = 0;
  std::vector<std::vector<double>> W, R;  // [4H][C], [4H][H]
  std::vector<double> b;                  // [4H]
};

template <class Number>
struct NaiveState {
  std::vector<Vector<Number>> h, c;  // [layer][unit]
};

/// b + W x + R h for one row, with an error bound for any order of summation.
template <class Number>
Number pre_activation(const NaiveLayer& layer, std::size_t row, const Vector<Number>& x, const Vector<Number>& h) {
  Number sum = layer.b[row];
  double magnitudes = magnitude(sum);
  for (std::size_t k = 0; k < layer.C; ++k) {
    const Number term = Number(layer.W[row][k]) * x[k];
    sum = sum + term;
    magnitudes += magnitude(term);
  }
  for (std::size_t k = 0; k < layer.H; ++k) {
    const Number term = Number(layer.R[row][k]) * h[k];
    sum = sum + term;
    magnitudes += magnitude(term);
  }
  return any_order(sum, magnitudes, static_cast<double>(layer.C + layer.H + 1));
}

/// Runs one sequence through all layers and updates the state to the final one. Returns the top layer's outputs.
template <class Number>
Columns<Number> naive_lstm(const std::vector<NaiveLayer>& layers, Columns<Number> x, NaiveState<Number>& state) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const NaiveLayer& layer = layers[l];
    for (auto& step : x) {
      Vector<Number> h_next(layer.H), c_next(layer.H);
      for (std::size_t u = 0; u < layer.H; ++u) {
        const Number input = logistic(pre_activation(layer, u, step, state.h[l]));
        const Number forget = logistic(pre_activation(layer, layer.H + u, step, state.h[l]));
        const Number candidate = hyperbolic_tangent(pre_activation(layer, 2 * layer.H + u, step, state.h[l]));
        const Number output = logistic(pre_activation(layer, 3 * layer.H + u, step, state.h[l]));
        c_next[u] = forget * state.c[l][u] + input * candidate;
        h_next[u] = output * hyperbolic_tangent(c_next[u]);
      }
      state.h[l] = h_next;
      state.c[l] = c_next;
      step = h_next;
    }
  }
  return x;
}

}  // namespace rondo_test

// SPDX-License-Identifier: MIT
// Copies the weights of a network into the arrays of StaticRecurrentWeights, element by element.
#pragma once

#include <rondo/embedded/weights.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/lstm.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "support/naive_recurrent.hpp"

namespace rondo_test {

/// Rounds each row of W and R of `network` to q * scale with |q| <= 127, so that int8 weights hold the same numbers.
/// Small W, which stay fp32, are left alone.
template <class Network>
void round_to_int8(Network& network) {
  network.for_each_parameter([&](const rondo::Path& path, auto& p) {
    const std::string name(path.text());
    if (!name.starts_with("weight") || (name == "weight_ih_l0" && p.cols() <= 4)) return;
    for (rondo::Index i = 0; i < p.rows(); ++i) {
      float largest = 0;
      for (rondo::Index j = 0; j < p.cols(); ++j) largest = std::max(largest, std::abs(p.value()(i, j)));
      const float scale = largest / 127;
      for (rondo::Index j = 0; j < p.cols(); ++j) p.value()(i, j) = scale * std::round(p.value()(i, j) / scale);
    }
  });
}

template <std::size_t G, std::size_t H, std::size_t N>
void pack(const NaiveWeights& from, const std::string& name, rondo::embedded::Fp32Matrix<G, H, N>& to) {
  for (std::size_t u = 0; u < H; ++u)
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t g = 0; g < G; ++g) to.w[u][n][g] = static_cast<float>(from.at(name, g * H + u, n));
}
template <std::size_t G, std::size_t H, std::size_t N>
void pack(const NaiveWeights& from, const std::string& name, rondo::embedded::Int8Matrix<G, H, N>& to) {
  for (std::size_t u = 0; u < H; ++u)
    for (std::size_t g = 0; g < G; ++g) {
      double largest = 0;
      for (std::size_t n = 0; n < N; ++n) largest = std::max(largest, std::abs(from.at(name, g * H + u, n)));
      to.scale[u][g] = static_cast<float>(largest / 127 / 32767);
      for (std::size_t n = 0; n < N; ++n)
        to.q[u][n / 4][g][n % 4] = static_cast<std::int8_t>(std::lround(from.at(name, g * H + u, n) / (largest / 127)));
    }
}

template <class Cell, std::size_t H, class W, class R>
void pack_layer(const NaiveWeights& from, std::size_t layer, rondo::embedded::LayerWeights<Cell, H, W, R>& to) {
  const std::string l = "_l" + std::to_string(layer);
  pack(from, "weight_ih" + l, to.W);
  pack(from, "weight_hh" + l, to.R);
  const auto bias = [&](const char* which, std::size_t row) {
    const std::string name = which + l;
    return from.has(name) ? from.at(name, row, 0) : 0.0;
  };
  for (std::size_t u = 0; u < H; ++u)
    for (std::size_t block = 0; block < 4; ++block) {
      double sum = 0;
      if constexpr (Cell::kGates == 4)
        sum = bias("bias_ih", block * H + u) + bias("bias_hh", block * H + u);
      else if (block < 2)
        sum = bias("bias_ih", block * H + u) + bias("bias_hh", block * H + u);
      else
        sum = bias(block == 2 ? "bias_hh" : "bias_ih", 2 * H + u);
      to.b[u][block] = static_cast<float>(sum);
    }
}

/// The weights of a network with C inputs, H units and L layers.
template <class Cell, std::size_t C, std::size_t H, std::size_t L, class Weight, class Network>
auto packed(const Network& network) {
  using Weights = rondo::embedded::StaticRecurrentWeights<Cell, C, H, L, Weight>;
  const NaiveWeights from(network);
  auto weights = std::make_unique<Weights>();
  pack_layer(from, 0, weights->layers.first);
  if constexpr (L > 1)
    for (std::size_t l = 1; l < L; ++l) pack_layer(from, l, weights->layers.rest[l - 1]);
  return weights;
}

}  // namespace rondo_test

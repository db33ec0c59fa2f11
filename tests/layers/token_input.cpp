// SPDX-License-Identifier: MIT
// Tokens, or multi-hot inputs, of an LSTM: results agree whether they are looked up in a table of projections or
// embedded first.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <rondo/layers/embedding.hpp>
#include <rondo/layers/lstm.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar>
struct Gradients {
  Sequence<Scalar> y;
  std::vector<std::vector<double>> tensors;  // W R b of each layer, E, h0, c0
};

template <class Scalar>
void keep(Gradients<Scalar>& to, MatrixView<Scalar> values) {
  auto& tensor = to.tensors.emplace_back();
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i) tensor.push_back(static_cast<double>(values(i, j)));
}

/// Forward and backward over tokens, K of them per step, either directly or as their embeddings. For K > 1 one id in
/// three is the padding id, and ids may repeat.
template <class Scalar>
Gradients<Scalar> run(Index V, Index B, Index T, bool embedded, Precision precision = Precision::fp32, Index K = 1) {
  Rng rng(3);
  Embedding<Scalar> embedding(V, 6, rng);
  Lstm<Scalar> lstm({.input = 6, .hidden = 21, .layers = 2, .precision = precision}, rng);
  typename Lstm<Scalar>::Cache cache;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(K * B * T));
  for (auto& token : tokens)
    token = K > 1 && rng.below(3) == 0 ? kNoToken : static_cast<std::int32_t>(rng() % static_cast<std::uint32_t>(V));
  const auto dy = random_sequence<Scalar>(21, B, T, rng);
  auto state = random_state(lstm, B, rng), d_state = random_state(lstm, B, rng);
  zero_grad(embedding);
  zero_grad(lstm);
  Gradients<Scalar> out;
  if (embedded) {
    Sequence<Scalar> x, dx;
    embedding.forward(tokens, B, T, x, K);
    out.y = lstm.forward(x, state, cache, Inference{});
    lstm.backward(x, dy, cache, d_state, &dx);
    embedding.backward(tokens, dx, K);
  } else {
    const auto x = embedding.input(tokens, B, T, K);
    out.y = lstm.forward(x, state, cache, Inference{});
    lstm.backward(x, dy, cache, d_state, embedding.E().grad());
  }
  lstm.for_each_parameter([&](const Path&, auto& p) { keep(out, p.grad()); });
  keep(out, embedding.E().grad());
  keep(out, d_state.h.flat());
  keep(out, d_state.c.flat());
  return out;
}

/// Requires that gradients agree to `tolerance` of each tensor's largest value.
template <class Scalar>
void require_close(const Gradients<Scalar>& a, const Gradients<Scalar>& b, double tolerance) {
  REQUIRE(a.tensors.size() == b.tensors.size());
  for (std::size_t t = 0; t < a.tensors.size(); ++t) {
    double largest = 0, worst = 0;
    for (std::size_t i = 0; i < a.tensors[t].size(); ++i) {
      largest = std::max(largest, std::abs(a.tensors[t][i]));
      worst = std::max(worst, std::abs(a.tensors[t][i] - b.tensors[t][i]));
    }
    INFO("tensor " << t);
    REQUIRE(largest > 1e-3);
    REQUIRE(worst <= tolerance * largest);
  }
}

}  // namespace

TEST_CASE("tokens equal their embeddings as input, by table and by look-up") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    for (const auto& [V, B, T] : {std::array<Index, 3>{5, 4, 9}, {30, 4, 9}, {200, 4, 9}, {7, 1, 3}, {20, 70, 2}}) {
      INFO("V " << V << ", B " << B << ", T " << T);
      const auto table = run<float>(V, B, T, false), embedded = run<float>(V, B, T, true);
      if (level != CpuLevel::baseline)
        for (Index i = 0; i < table.y.size(); ++i) REQUIRE(table.y.data()[i] == embedded.y.data()[i]);
      // sums of B * T terms in a different order
      require_close(table, embedded, static_cast<double>(B * T) * 0x1p-23);
    }
  }
  require_close(run<double>(5, 4, 9, false), run<double>(5, 4, 9, true), 36 * 0x1p-52);
}

TEST_CASE("a multi-hot input equals the sum of its embeddings, by table and by look-up") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    set_cpu_level(level);
    INFO("level " << name(level));
    // V, B, T, K: tables of W E for V < B T, whose columns are added to b; look-ups otherwise. The last case has
    // several chunks of steps in backward.
    for (const auto& [V, B, T, K] :
         {std::array<Index, 4>{5, 4, 9, 2}, {30, 4, 9, 7}, {200, 4, 9, 3}, {7, 1, 3, 20}, {20, 70, 9, 3}}) {
      INFO("V " << V << ", B " << B << ", T " << T << ", K " << K);
      const auto tokens = run<float>(V, B, T, false, Precision::fp32, K),
                 embedded = run<float>(V, B, T, true, Precision::fp32, K);
      // outputs are within 1; sums of K and of 6 + 21 terms in a different order, through T steps and two layers
      const double rounding = static_cast<double>((K + 27) * T) * 0x1p-23;
      double apart = 0;
      for (Index i = 0; i < tokens.y.size(); ++i)
        apart = std::max(apart,
                         std::abs(static_cast<double>(tokens.y.data()[i]) - static_cast<double>(embedded.y.data()[i])));
      REQUIRE(apart <= rounding);
      require_close(tokens, embedded, static_cast<double>(K * B * T) * 0x1p-23);
    }
  }
  require_close(run<double>(5, 4, 9, false, Precision::fp32, 3), run<double>(5, 4, 9, true, Precision::fp32, 3),
                108 * 0x1p-52);
}

TEST_CASE("multi-hot inputs in bf16 are close to fp32") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    INFO("level " << name(level));
    for (const auto& [V, B, T] : {std::array<Index, 3>{5, 33, 3}, {200, 3, 9}}) {  // a table, a look-up
      INFO("V " << V);
      require_close(run<float>(V, B, T, true, Precision::fp32, 4), run<float>(V, B, T, false, Precision::bf16, 4),
                    0x1p-5);
    }
  }
}

TEST_CASE("bf16 training is close to fp32 in outputs and gradients") {
  const LevelGuard guard;
  for (CpuLevel level : levels()) {
    if (level == CpuLevel::baseline) continue;
    set_cpu_level(level);
    INFO("level " << name(level));
    for (bool embedded : {false, true})
      for (const auto& [V, B, T] : {std::array<Index, 3>{5, 3, 9}, {5, 33, 9}, {5, 300, 2}, {5, 1, 7}}) {
        INFO("B " << B << ", T " << T << (embedded ? ", features" : ", tokens"));
        const auto exact = run<float>(V, B, T, embedded), rounded = run<float>(V, B, T, embedded, Precision::bf16);
        require_close(exact, rounded, 0x1p-5);  // operands have errors of 2^-8, through three products and T steps
        double apart = 0;
        for (Index i = 0; i < exact.y.size(); ++i)
          apart = std::max(apart, std::abs(static_cast<double>(exact.y.data()[i] - rounded.y.data()[i])));
        REQUIRE(apart <= 0x1p-6);
        REQUIRE(apart > 0x1p-20);
      }
  }
}

// SPDX-License-Identifier: MIT
#include <cstdint>
#include <string>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

TEST_CASE("Linear computes W x + b and its gradients, dense and ragged") {
  const std::vector<Index> lengths =
      GENERATE(std::vector<Index>{}, std::vector<Index>{2, 0, 5}, std::vector<Index>{5, 3, 1});
  const Index C = 4, K = 3, B = 3, T = 5;
  Rng rng(1);
  Linear<double> linear(C, K, rng);
  randomise(linear, rng);
  auto x = random_sequence<double>(C, B, T, rng);
  x.set_lengths(lengths);
  Sequence<double> y, dx, dy = random_sequence<double>(K, B, T, rng);
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      if (!x.active(b, t)) column(&dy(0, b, t), K).setZero();

  linear.forward(x, y);
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      for (Index k = 0; k < K; ++k) {
        double wanted = x.active(b, t) ? linear.b().value()(k, 0) : 0;
        for (Index c = 0; x.active(b, t) && c < C; ++c) wanted += linear.W().value()(k, c) * x(c, b, t);
        CHECK(y(k, b, t) == Approx(wanted).margin(1e-14));
      }

  const auto loss = [&] {
    linear.forward(x, y);
    return matrix(y.flat()).cwiseProduct(matrix(dy.flat())).sum();
  };
  linear.backward(x, dy, &dx);
  check_parameter_gradients(linear, loss);
  check_gradient("x", x.flat(), dx.flat(), loss);

  Sequence<double> step(K, B, 1), again(K, B, 1);
  linear.step(x.at(0), step.at(0));
  linear.forward(x.at(0), again.at(0));
  CHECK(matrix(step.at(0)) == matrix(again.at(0)));
  for (Index b = 0; b < B; ++b)
    if (x.active(b, 0)) CHECK(matrix(step.at(0)).col(b).isApprox(matrix(y.at(0)).col(b), 1e-14));
}

TEST_CASE("Linear of one state, a part of a matrix: backward accumulates dW and db and overwrites dx") {
  const bool bias = GENERATE(true, false);
  const Index C = 4, K = 3, B = 2;
  Rng rng(3);
  Linear<double> linear({.input = C, .output = K, .bias = bias}, rng);
  randomise(linear, rng);
  auto whole = random_sequence<double>(C + 3, B, 1, rng);
  const auto dy = random_sequence<double>(K, B, 1, rng);
  Sequence<double> y(K, B, 1), d_whole(C + 3, B, 1);
  d_whole.fill(7);
  const auto x = whole.at(0).row_block(2, C), dx = d_whole.at(0).row_block(2, C);
  linear.forward(x, y.at(0));
  CHECK(
      matrix(y.at(0)).isApprox((matrix(linear.weight()) * matrix(x)).colwise() + matrix(linear.bias()).col(0), 1e-14));
  const auto loss = [&] {
    linear.forward(x, y.at(0));
    return matrix(y.at(0)).cwiseProduct(matrix(dy.at(0))).sum();
  };
  linear.backward(x, dy.at(0), dx);
  check_parameter_gradients(linear, loss);
  check_gradient("x", x, dx, loss);
  CHECK((array(d_whole.at(0)).topRows(2) == 7).all());
  CHECK((array(d_whole.at(0)).bottomRows(1) == 7).all());
  const Eigen::MatrixXd once = matrix(linear.W().grad());
  linear.backward(x, dy.at(0));
  CHECK(matrix(linear.W().grad()).isApprox(2 * once, 1e-14));
}

TEST_CASE("Linear without bias has one parameter, and a bias that stays zero") {
  Rng rng(4), same(4);
  Linear<double> linear({.input = 4, .output = 3, .bias = false}, rng);
  const Linear<double> with(4, 3, same);
  CHECK(matrix(linear.weight()) == matrix(with.weight()));
  CHECK_FALSE(linear.has_bias());
  CHECK(with.has_bias());
  CHECK(parameter_count(linear) == 12);
  std::string names;
  linear.for_each_parameter([&](const Path& path, auto&) { names += std::string(path.text()) + " "; });
  CHECK(names == "weight ");
  const auto x = random_sequence<double>(4, 2, 3, rng), dy = random_sequence<double>(3, 2, 3, rng);
  linear.backward(x, dy, nullptr);
  CHECK(matrix(linear.b().grad()).norm() == 0);
  CHECK(matrix(linear.W().grad()).isApprox(matrix(dy.flat()) * matrix(x.flat()).transpose(), 1e-14));
}

TEST_CASE("Linear reports actual and expected shapes") {
  Rng rng(1);
  Linear<float> linear(3, 2, rng);
  Sequence<float> x(4, 2, 5), y;
  CHECK_THROWS_WITH(linear.forward(x, y), "Linear::forward: x is 4 x 2 x 5 (C x B x T), this layer wants C = 3");
  CHECK_THROWS_WITH(
      linear.backward(Sequence<float>(3, 2, 5), Sequence<float>(2, 2, 4), nullptr),
      "Linear::backward: dy is 2 x 2 x 4 (C x B x T), wanted K = 2 and the B and T of x, 3 x 2 x 5 (C x B x T)");
  CHECK_THROWS_WITH(linear.backward(x, Sequence<float>(2, 2, 5), nullptr),
                    "Linear::backward: x is 4 x 2 x 5 (C x B x T), this layer wants C = 3");
  const Sequence<float> state(3, 2, 1), wide(4, 2, 1);
  Sequence<float> out(2, 2, 1), many(2, 3, 1), d(3, 3, 1);
  CHECK_THROWS_WITH(linear.forward(wide.at(0), out.at(0)), "Linear::forward: x is 4 x 2, wanted 3 x 2");
  CHECK_THROWS_WITH(linear.forward(state.at(0), many.at(0)), "Linear::forward: y is 2 x 3, wanted 2 x 2");
  CHECK_THROWS_WITH(linear.step(wide.at(0), out.at(0)), "Linear::step: x is 4 x 2, wanted 3 x 2");
  CHECK_THROWS_WITH(linear.step(state.at(0), many.at(0)), "Linear::step: y is 2 x 3, wanted 2 x 2");
  CHECK_THROWS_WITH(linear.backward(wide.at(0), out.at(0)), "Linear::backward: x is 4 x 2, wanted 3 x 2");
  CHECK_THROWS_WITH(linear.backward(state.at(0), many.at(0)), "Linear::backward: dy is 2 x 3, wanted 2 x 2");
  CHECK_THROWS_WITH(linear.backward(state.at(0), out.at(0), d.at(0)), "Linear::backward: dx is 3 x 3, wanted 3 x 2");
  CHECK_THROWS_WITH((Linear<float>(3, 0, rng)), "Linear: C = 3, K = 0, wanted positive numbers");
}

TEST_CASE("Embedding looks up columns and sums their gradients") {
  const Index D = 3, V = 5, B = 2, T = 4;
  const std::vector<std::int32_t> tokens = {4, 0, 2, 2, 4, 1, 2, 0};  // 3 never, 2 three times
  Rng rng(2);
  Embedding<double> embedding(V, D, rng);
  Sequence<double> y;
  embedding.forward(tokens, B, T, y);
  for (Index t = 0; t < T; ++t)
    for (Index b = 0; b < B; ++b)
      CHECK(matrix(y.at(t)).col(b) == matrix(embedding.E().value()).col(tokens[std::size_t(b + B * t)]));

  const auto dy = random_sequence<double>(D, B, T, rng);
  const auto loss = [&] {
    embedding.forward(tokens, B, T, y);
    return matrix(y.flat()).cwiseProduct(matrix(dy.flat())).sum();
  };
  embedding.backward(tokens, dy);
  check_parameter_gradients(embedding, loss);
  CHECK(matrix(embedding.E().grad()).col(3).norm() == 0);
}

TEST_CASE("Embedding sums the columns of a multi-hot input, and each receives the gradient") {
  const Index D = 3, V = 6, B = 2, T = 2, K = 3;
  const std::int32_t none = kNoToken;
  const std::vector<std::int32_t> ids = {4, 0, 2, none, none, 4, none, none, none, 2, 1, 2};  // 2 twice; 3, 5 never
  Rng rng(2);
  Embedding<double> embedding(V, D, rng);
  Sequence<double> y;
  embedding.forward(ids, B, T, y, K);
  for (Index step = 0; step < B * T; ++step)
    for (Index d = 0; d < D; ++d) {
      double sum = 0;
      for (Index k = 0; k < K; ++k)
        if (const auto id = ids[std::size_t(step * K + k)]; id != none) sum += embedding.E().value()(d, id);
      CHECK(y(d, step % B, step / B) == sum);
    }

  const auto dy = random_sequence<double>(D, B, T, rng);
  const auto loss = [&] {
    embedding.forward(ids, B, T, y, K);
    return matrix(y.flat()).cwiseProduct(matrix(dy.flat())).sum();
  };
  embedding.backward(ids, dy, K);
  check_parameter_gradients(embedding, loss);
  for (Index unheard : {3, 5}) CHECK(matrix(embedding.E().grad()).col(unheard).norm() == 0);
  CHECK(matrix(embedding.E().grad()).col(2).isApprox(matrix(dy.at(0)).col(0) + 2 * matrix(dy.at(1)).col(1), 1e-14));
}

TEST_CASE("Embedding rejects ids outside the vocabulary") {
  Rng rng(2);
  const Embedding<float> embedding(5, 3, rng);
  Sequence<float> y;
  const std::vector<std::int32_t> high = {1, 5}, low = {-1, 0};
  CHECK_THROWS_WITH(embedding.forward(high, 1, 2, y), "Embedding: token 5 with V = 5");
  CHECK_THROWS_WITH(embedding.forward(low, 1, 2, y), "Embedding: token -1 with V = 5");
  CHECK_THROWS_WITH(embedding.forward(low, 1, 3, y), "Embedding: 2 tokens for B x T = 1 x 3");
  const std::vector<std::int32_t> bag = {1, kNoToken, 4}, foreign = {1, kNoToken, 5}, lower = {1, -2, 4};
  CHECK_NOTHROW(embedding.forward(bag, 1, 1, y, 3));
  CHECK_THROWS_WITH(embedding.forward(foreign, 1, 1, y, 3), "Embedding: token 5 with V = 5");
  CHECK_THROWS_WITH(embedding.forward(lower, 1, 1, y, 3), "Embedding: token -2 with V = 5");
  CHECK_THROWS_WITH(embedding.forward(bag, 1, 2, y, 3), "Embedding: 3 ids for B x T = 1 x 2, 3 a step");
  CHECK_THROWS_WITH(embedding.forward({}, 1, 2, y, 0), "Embedding: B x T = 1 x 2, 0 a step");
  CHECK_THROWS_WITH((Embedding<float>(0, 3, rng)), "Embedding: V = 0, D = 3, wanted positive numbers");

  Embedding<float> learns(5, 3, rng);
  CHECK_THROWS_WITH(learns.backward(low, Sequence<float>(4, 1, 2)),
                    "Embedding::backward: dy is 4 x 1 x 2 (C x B x T), this layer wants D = 3");
  CHECK_THROWS_WITH(learns.backward(low, Sequence<float>(3, 1, 3)), "Embedding::backward: 2 tokens for B x T = 1 x 3");
  CHECK_THROWS_WITH(learns.backward(bag, Sequence<float>(3, 1, 1)), "Embedding::backward: 3 tokens for B x T = 1 x 1");
}

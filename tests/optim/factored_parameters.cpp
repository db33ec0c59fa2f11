// SPDX-License-Identifier: MIT
#include <cmath>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <rondo/core/random.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/factored_parameters.hpp>

#include "support/catch.hpp"

using namespace rondo;
using Eigen::MatrixXd;

namespace {

constexpr AdamConfig kAdam{.learning_rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.2};

/// A matrix that AdamW updates by the formulas of the paper.
struct Weights {
  MatrixXd value, m, v;
  explicit Weights(const MatrixXd& start)
      : value(start), m(MatrixXd::Zero(start.rows(), start.cols())), v(MatrixXd::Zero(start.rows(), start.cols())) {}
  void step(const MatrixXd& g, int n) {
    value *= 1 - kAdam.learning_rate * kAdam.weight_decay;
    m = kAdam.beta1 * m + (1 - kAdam.beta1) * g;
    v = kAdam.beta2 * v + (1 - kAdam.beta2) * g.cwiseProduct(g);
    const MatrixXd m_hat = m / (1 - std::pow(kAdam.beta1, n)), v_hat = v / (1 - std::pow(kAdam.beta2, n));
    value.array() -= kAdam.learning_rate * m_hat.array() / (v_hat.array().sqrt() + kAdam.epsilon);
  }
};

MatrixXd random(Index rows, Index cols, Rng& rng) {
  MatrixXd a(rows, cols);
  initialise_normal(MatrixView<double>{a.data(), rows, cols, rows}, 1, rng);
  return a;
}

}  // namespace

TEST_CASE("Factored vectors: the sums are those of own vectors and feature vectors that Adam trains separately") {
  constexpr Index V = 7, conditions = 2, D = 4, H = 5, Q = 3;
  Rng rng(1);
  TokenModel<double> model(
      {.vocabulary = V, .conditions = conditions, .ids_per_step = 2, .embedding = D, .hidden = H, .layers = 1}, rng);
  const MatrixXd F = random(Q, V + conditions, rng);
  auto factored = factored_tokens(model, MatrixView<const double>{F.data(), Q, V + conditions, Q});
  REQUIRE(factored.any());
  auto &E = model.embedding().E(), &W = model.output().W();
  Weights own_E(matrix(E.value())), U(MatrixXd::Zero(D, Q)), own_W(matrix(W.value())), X(MatrixXd::Zero(Q, H));
  Adam adam(kAdam);
  for (int n = 1; n <= 4; ++n) {
    model.for_each_parameter([&](const Path&, auto& p) { initialise_normal(p.grad(), 1, rng); });
    const MatrixXd dE = matrix(E.grad()), dW = matrix(W.grad());
    factored.set_gradients();
    adam.step(factored);
    factored.apply();
    own_E.step(dE, n), U.step(dE * F.transpose(), n);
    own_W.step(dW, n), X.step(F.leftCols(V) * dW, n);
    CHECK((matrix(E.value()) - (own_E.value + U.value * F)).norm() < 1e-12);
    CHECK((matrix(W.value()) - (own_W.value + F.leftCols(V).transpose() * X.value)).norm() < 1e-12);
  }
  CHECK(adam.steps() == 4);
  CHECK((U.value * F).norm() > 1);
}

TEST_CASE("Factored vectors: the parameters are the model's and the two of the features") {
  Rng rng(1);
  TokenModel<float> model({.vocabulary = 5, .embedding = 3, .hidden = 4, .layers = 1}, rng);
  const std::vector<float> F(10, 1.0f);
  const auto names = [&](auto&& parameters) {
    std::vector<std::string> all;
    parameters.for_each_parameter([&](const Path& path, const auto& p) {
      all.push_back(std::string(path.text()) + " " + std::to_string(p.rows()) + " x " + std::to_string(p.cols()));
    });
    return all;
  };
  auto wanted = names(model);
  CHECK(names(factored_tokens(model, MatrixView<const float>{})) == wanted);
  wanted.insert(wanted.end(), {"factors.input 3 x 2", "factors.output 2 x 4"});
  CHECK(names(factored_tokens(model, MatrixView<const float>{F.data(), 2, 5, 2})) == wanted);
  CHECK_THROWS_WITH(factored_tokens(model, MatrixView<const float>{F.data(), 2, 4, 2}),
                    "factored_tokens: F is 2 x 4 (Q x V), this model wants V = 5");
}

TEST_CASE("Factored parameters: elements with features share, column by column") {
  constexpr Index K = 3, Q = 2;
  Rng rng(1);
  Linear<double> model(K, K, rng);
  const MatrixXd F = random(Q, K * K, rng);
  FactoredParameters<Linear<double>, double> factored(model);
  factored.add("pairs", model.W(), FactoredParts::elements, {F.data(), Q, K * K, Q});
  Weights own(matrix(model.W().value())), u(MatrixXd::Zero(1, Q));
  Adam adam(kAdam);
  for (int n = 1; n <= 3; ++n) {
    model.for_each_parameter([&](const Path&, auto& p) { initialise_normal(p.grad(), 1, rng); });
    const MatrixXd dW = matrix(model.W().grad());
    factored.set_gradients();
    adam.step(factored);
    factored.apply();
    own.step(dW, n), u.step(dW.reshaped(1, K * K) * F.transpose(), n);
    CHECK((matrix(model.W().value()) - (own.value + (u.value * F).reshaped(K, K))).norm() < 1e-12);
  }
  CHECK_THROWS_WITH(factored.add("few", model.W(), FactoredParts::elements, {F.data(), Q, K, Q}),
                    "FactoredParameters::add: F of \"few\" is 2 x 3, wanted features of 9");
}

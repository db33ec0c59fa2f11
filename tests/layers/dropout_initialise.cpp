// SPDX-License-Identifier: MIT
#include <cmath>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

TEST_CASE("dropout zeroes a fraction p, scales the rest by 1/(1-p), and is reproducible by its seed") {
  const double p = 0.3;
  Rng data(1);
  const auto x = random_sequence<double>(50, 20, 20, data);
  DropoutCache<double> cache, again;
  Rng rng(2), same(2);
  const auto& y = dropout(x, p, rng, cache);
  double dropped = 0;
  bool exact = true;
  for (Index n = 0; n < x.size(); ++n) {
    const double mask = cache.mask.data()[n];
    exact = exact && (mask == 0 || mask == 1 / (1 - p)) && y.data()[n] == x.data()[n] * mask;
    dropped += mask == 0;
  }
  CHECK(exact);
  const double n = static_cast<double>(x.size());
  CHECK(std::abs(dropped / n - p) < 4 * std::sqrt(p * (1 - p) / n));  // four standard deviations of the binomial
  dropout(x, p, same, again);
  CHECK(matrix(again.mask.flat()) == matrix(cache.mask.flat()));
  dropout(x, p, same, again);
  CHECK(matrix(again.mask.flat()) != matrix(cache.mask.flat()));
}

TEST_CASE("initialise_orthogonal makes every block orthogonal, and all blocks different") {
  const Index H = 24;
  Rng rng(3);
  Sequence<double> R(4 * H, H, 1);
  initialise_orthogonal(R.at(0), rng);
  const auto all = matrix(R.at(0));
  for (Index gate = 0; gate < 4; ++gate) {
    const Eigen::MatrixXd Q = all.middleRows(gate * H, H);
    CHECK((Q.transpose() * Q - Eigen::MatrixXd::Identity(H, H)).cwiseAbs().maxCoeff() < 1e-14);
    for (Index other = 0; other < gate; ++other) CHECK((Q - all.middleRows(other * H, H)).norm() > 1);
  }
}

TEST_CASE("initialise_uniform and initialise_normal have their bound and standard deviation") {
  Rng rng(4);
  Sequence<float> a(100, 100, 1);
  const double n = static_cast<double>(a.size());
  initialise_uniform(a.flat(), 0.25, rng);
  CHECK(matrix(a.flat()).cwiseAbs().maxCoeff() <= 0.25f);
  CHECK(matrix(a.flat()).cwiseAbs().maxCoeff() > 0.249f);
  CHECK(std::abs(matrix(a.flat()).cast<double>().mean()) < 4 * 0.25 / std::sqrt(3 * n));
  initialise_normal(a.flat(), 0.35, rng);
  CHECK(std::abs(matrix(a.flat()).cast<double>().mean()) < 4 * 0.35 / std::sqrt(n));
  CHECK(matrix(a.flat()).cast<double>().squaredNorm() / n == Approx(0.35 * 0.35).epsilon(4 * std::sqrt(2 / n)));
}

TEST_CASE("a float layer and a double layer with the same seed start with the same weights") {
  Rng for_float(5), for_double(5);
  RecurrentLayer<LstmCell, float> small({.hidden = 4}, 3, Direction::forward, for_float);
  RecurrentLayer<LstmCell, double> large({.hidden = 4}, 3, Direction::forward, for_double);
  CHECK(matrix(small.W().value()) == matrix(large.W().value()).cast<float>());
  CHECK(matrix(small.R().value()) == matrix(large.R().value()).cast<float>());
  CHECK(matrix(small.R().value()).cwiseAbs().maxCoeff() <= 0.5f);  // 1/sqrt(H)
  CHECK(matrix(small.R().value()).cwiseAbs().maxCoeff() > 0.4f);
}

// SPDX-License-Identifier: MIT
#include <string>

#include <rondo/core/parameter.hpp>
#include <rondo/cpu/gemm.hpp>

#include "support/catch.hpp"

using namespace rondo;

TEST_CASE("a parameter starts at zero, and so do its gradient and moments") {
  Parameter<float> p(3, 2);
  CHECK(p.size() == 6);
  CHECK(matrix(p.value()).norm() == 0);
  CHECK(matrix(p.grad()).norm() == 0);
  CHECK(matrix(p.first_moment()).norm() == 0);
  CHECK(matrix(p.second_moment()).norm() == 0);
  p.grad()(2, 1) = 3;
  CHECK(p.grad()(2, 1) == 3);  // not zeroed again by looking
  CHECK(p.first_moment()(2, 1) == 0);
  p.zero_grad();
  CHECK(p.grad()(2, 1) == 0);
}

TEST_CASE("weights decay, biases do not") {
  CHECK(Parameter<float>(3, 2).decays());
  CHECK(Parameter<float>(3, 1).decays());  // the weights of one input are weights
  CHECK_FALSE(Parameter<float>(3, 1, TorchShape::vector).decays());
}

TEST_CASE("a path joins its parts with dots and its indices without") {
  const Path lstm = Path{} / "model" / "lstm";
  CHECK((lstm / "weight_ih_l" + 0).text() == "model.lstm.weight_ih_l0");
  CHECK((lstm / "bias_l" + 120).text() == "model.lstm.bias_l120");
  CHECK(lstm.text() == "model.lstm");
}

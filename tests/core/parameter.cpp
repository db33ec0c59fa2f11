// SPDX-License-Identifier: MIT
#include <string>
#include <type_traits>

#include <rondo/core/parameter.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/gemm.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>

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
  CHECK(p.grad()(2, 1) == 3);  // a second access does not zero it
  CHECK(p.first_moment()(2, 1) == 0);
  p.zero_grad();
  CHECK(p.grad()(2, 1) == 0);
}

TEST_CASE("weight decay applies to weights and not to biases") {
  CHECK(Parameter<float>(3, 2).has_weight_decay());
  CHECK(Parameter<float>(3, 1).has_weight_decay());  // a weight matrix with one column is not a bias
  CHECK_FALSE(Parameter<float>(3, 1, ParameterKind::bias).has_weight_decay());
}

TEST_CASE("a path joins its parts with dots and its indices without") {
  const Path lstm = Path{} / "model" / "lstm";
  CHECK((lstm / "weight_ih_l" + 0).text() == "model.lstm.weight_ih_l0");
  CHECK((lstm / "bias_l" + 120).text() == "model.lstm.bias_l120");
  CHECK(lstm.text() == "model.lstm");
}

TEST_CASE("a path that is too long is an error that contains it") {
  const std::string part(Path::kMaxLength - 4, 'a');
  const Path full = Path{} / part / "end";
  CHECK(full.text() == part + ".end");
  CHECK_THROWS_WITH(full + 7, "Path: " + part + ".end7 has 121 characters, a parameter's name may have 120");
  CHECK_THROWS_AS(full / "", error);
  CHECK_THROWS_WITH((Path{} / part / "ends"),
                    "Path: " + part + ".ends has 121 characters, a parameter's name may have 120");
}

namespace {

/// Has only the mutable visitor.
struct Plain {
  Parameter<float> a{3, 2}, b{4, 1, ParameterKind::bias};
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    f(path / "a", a);
    f(path / "b", b);
  }
};

}  // namespace

TEST_CASE("a const model can be counted and visited, and its visitor receives const parameters") {
  Rng rng(1);
  const Linear<float> linear(3, 2, rng);
  const Embedding<double> embedding(5, 4, rng);
  CHECK(parameter_count(linear) == 3 * 2 + 2);
  CHECK(parameter_count(embedding) == 5 * 4);
  CHECK(parameter_count(Plain{}) == 10);
  std::string names;
  const auto see = [&]<class P>(const Path& path, P&) {
    STATIC_REQUIRE(std::is_const_v<P>);
    names += std::string(path.text()) + " ";
  };
  linear.for_each_parameter(see, Path{} / "fc");
  embedding.for_each_parameter(see);
  CHECK(names == "fc.weight fc.bias weight ");
}

TEST_CASE("copy_weights copies from a const model, and changes nothing if shapes differ") {
  Rng rng(1);
  const Linear<double> from(3, 2, rng);
  Linear<float> to(3, 2, rng), wider(3, 4, rng);
  REQUIRE(matrix(from.weight()).norm() > 0);
  copy_weights(from, to);
  CHECK(matrix(to.weight()) == matrix(from.weight()).cast<float>());

  Plain source, target;
  fill(Cpu{}, source.a.value(), 1);
  target.b = Parameter<float>(5, 1, ParameterKind::bias);  // the second parameter does not fit
  CHECK_THROWS_WITH(copy_weights(source, target), "copy_weights: the models differ at b, 5 x 1");
  CHECK(matrix(target.a.value()).norm() == 0);
  target.b = Parameter<float>(2, 2);  // as many values
  CHECK_THROWS_AS(copy_weights(source, target), shape_error);
}

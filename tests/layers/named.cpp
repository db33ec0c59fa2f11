// SPDX-License-Identifier: MIT
// Models composed of named layers: their parameters' names, and their use as a model.
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rondo/core/transfer.hpp>
#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/lstm.hpp>
#include <rondo/layers/named.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Model>
std::vector<std::string> names_of(Model& model) {
  std::vector<std::string> names;
  model.for_each_parameter([&](const Path& path, auto&) { names.emplace_back(path.text()); });
  return names;
}

struct Layers {
  Rng rng{1};
  Embedding<float> embedding{5, 3, rng};
  Lstm<float> lstm{{.input = 3, .hidden = 4}, rng};
  Linear<float> fc{4, 2, rng};
};

}  // namespace

TEST_CASE("named: parameters have the given names at any depth") {
  Layers l;
  auto flat = named("lstm", l.lstm, "fc", l.fc);
  CHECK(names_of(flat) ==
        std::vector<std::string>{"lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "fc.weight", "fc.bias"});
  const std::string head = "head";
  auto nested = named("encoder", named("embedding", l.embedding, "inner", named("lstm", l.lstm)), head, l.fc);
  CHECK(names_of(nested) == std::vector<std::string>{"encoder.embedding.weight", "encoder.inner.lstm.weight_ih_l0",
                                                     "encoder.inner.lstm.weight_hh_l0", "encoder.inner.lstm.bias_ih_l0",
                                                     "head.weight", "head.bias"});
  CHECK(names_of(std::as_const(nested)) == names_of(nested));
  auto outer = named("all", nested);  // holds a reference to any lvalue
  CHECK(names_of(outer)[5] == "all.head.bias");
}

TEST_CASE("named: refers to layers, owns temporaries") {
  Layers l;
  auto model = named("fc", l.fc, "own", Linear<float>(4, 3, l.rng));
  const Parameter<float>* first = nullptr;
  model.for_each_parameter([&](const Path&, auto& p) {
    if (!first) first = &p;
    fill(Cpu{}, p.value(), 2);
  });
  CHECK(first == &l.fc.W());
  CHECK(l.fc.bias()(1, 0) == 2);
  auto copy = model;
  copy.for_each_parameter([](const Path&, auto& p) { fill(Cpu{}, p.value(), 3); });
  CHECK(l.fc.bias()(1, 0) == 3);
  model.for_each_parameter([&](const Path& path, auto& p) {
    CHECK(p.value()(0, 0) == (path.text().starts_with("own") ? 2 : 3));  // owned layers are copied
  });
}

TEST_CASE("named: a const model passes const parameters; const layers are allowed") {
  Layers l;
  const auto model = named("lstm", l.lstm, "fc", l.fc);
  model.for_each_parameter([]<class P>(const Path&, P&) { STATIC_REQUIRE(std::is_const_v<P>); });
  CHECK(parameter_count(model) == 16 * (3 + 4 + 1) + 2 * (4 + 1));
  CHECK(parameter_count(named("fc", std::as_const(l.fc))) == 10);
}

TEST_CASE("named: optimiser, clip, zero_grad and copy_weights accept it as a model") {
  Layers l, other;
  auto model = named("lstm", l.lstm, "fc", l.fc);
  auto target = named("lstm", other.lstm, "fc", other.fc);
  randomise(model, l.rng);
  copy_weights(std::as_const(model), target);
  CHECK(matrix(other.fc.weight()) == matrix(l.fc.weight()));
  CHECK(matrix(other.lstm.layer(0).R().value()) == matrix(l.lstm.layer(0).R().value()));
  auto renamed = named("rnn", other.lstm, "fc", other.fc);
  CHECK_THROWS_WITH(copy_weights(model, renamed), "copy_weights: the models differ at rnn.weight_ih_l0, 16 x 3");

  model.for_each_parameter([](const Path&, auto& p) { fill(Cpu{}, p.grad(), 1); });
  CHECK(clip_grad_norm(model, 1) == Approx(std::sqrt(double(parameter_count(model)))));
  CHECK(clip_grad_norm(model, 1) == Approx(1));
  const float before = l.fc.bias()(0, 0);
  Adam adam({.learning_rate = 0.5});
  adam.step(model);
  CHECK(l.fc.bias()(0, 0) == Approx(before - 0.5));  // first step of Adam: learning rate times sign
  zero_grad(model);
  CHECK(matrix(l.lstm.layer(0).W().grad()).norm() == 0);
}

TEST_CASE("named: rejects an empty name, a repeated name, and two names for one parameter") {
  Layers l;
  Linear<float> second(4, 2, l.rng);
  CHECK_THROWS_WITH(named("fc", l.fc, "fc", second), "named: two parameters are called fc.weight");
  CHECK_THROWS_WITH(named("a", named("b", l.fc), "a.b", second), "named: two parameters are called a.b.weight");
  CHECK_THROWS_WITH(named("fc", l.fc, "head", l.fc), "named: one parameter is called fc.weight and head.weight");
  CHECK_THROWS_WITH(named("", l.fc), "named: a name is empty");
  CHECK_THROWS_AS(named(std::string(Path::kMaxLength, 'n'), l.fc), error);
  CHECK_NOTHROW(named("a", l.fc, "b", second));
}

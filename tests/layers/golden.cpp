// SPDX-License-Identifier: MIT
// Agreement with PyTorch: outputs, every gradient, ten losses of a training run. See tests/golden/make_golden.py.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

/// Double: the files hold PyTorch's exact values; only the order of sums differs.
constexpr double kDoubleBound = 1e-10;

/// Float, relative to the tensor's largest value. A value of these cases (C + H <= 8 products per gate, T = 5 steps, L
/// = 2 layers, B = 3) goes through at most T * L cells forward and as many backward, each with 8 products, 4 function
/// values with errors of a few units and 4 products, and a weight's gradient is the sum of B * T such values: 2 * T * L
/// * (8 + 4 * 4 + 4) + B * T roundings, none of them amplified (every factor is a gate or below one).
constexpr double kFloatRoundings = 2 * 5 * 2 * (8 + 4 * 4 + 4) + 3 * 5;
constexpr double kFloatBound = kFloatRoundings * 0x1p-24;  // 3.4e-5

template <class Scalar>
void compare(const std::string& name, ConstView<double> wanted, MatrixView<const Scalar> got) {
  const double bound = std::is_same_v<Scalar, float> ? kFloatBound : kDoubleBound;
  const double largest = matrix(wanted).cwiseAbs().maxCoeff();
  const double difference = (matrix(got).template cast<double>() - matrix(wanted)).cwiseAbs().maxCoeff();
  INFO(name << ": largest value " << largest << ", largest difference " << difference);
  CHECK(largest > 1e-3);
  CHECK(difference <= bound * std::max(largest, 1.0));
}

/// Compares a golden tensor with a matrix (row-major in the file) or with a Sequence (the same memory order).
template <class Scalar>
void compare_matrix(const Golden& golden, const std::string& name, MatrixView<Scalar> got) {
  Sequence<double> wanted(got.rows, got.cols, 1);
  golden.read_matrix(name, wanted.at(0));
  compare<std::remove_const_t<Scalar>>(name, wanted.at(0), got);
}
template <class Scalar>
void compare_sequence(const Golden& golden, const std::string& name, const Sequence<Scalar>& got) {
  Sequence<double> wanted(got.features(), got.batch(), got.time());
  golden.read_sequence(name, wanted);
  compare<Scalar>(name, wanted.flat(), got.flat());
}

template <class Scalar>
Sequence<Scalar> sequence(const Golden& golden, const std::string& name, Index C, Index B, Index T) {
  Sequence<Scalar> s(C, B, T);
  golden.read_sequence(name, s);
  return s;
}

}  // namespace

TEMPLATE_TEST_CASE("LSTM: outputs and gradients agree with PyTorch, dense and packed", "", double, float) {
  using Scalar = TestType;
  const Golden golden(GENERATE(as<std::string>{}, "lstm", "lstm_ragged"));
  const Index C = 3, H = 4, L = 2, B = 3, T = 5;
  Rng rng(0);
  Lstm<Scalar> lstm({.input = C, .hidden = H, .layers = L}, rng);
  for (Index l = 0; l < L; ++l) {
    golden.read_matrix("W" + std::to_string(l), lstm.layer(l).W().value());
    golden.read_matrix("R" + std::to_string(l), lstm.layer(l).R().value());
    golden.read_matrix("b" + std::to_string(l), lstm.layer(l).b().value());
  }
  auto x = sequence<Scalar>(golden, "x", C, B, T);
  const auto lengths = golden.integers("lengths");
  if (std::any_of(lengths.begin(), lengths.end(), [&](auto n) { return n != T; }))
    x.set_lengths(std::vector<Index>(lengths.begin(), lengths.end()));
  LstmState<Scalar> state{sequence<Scalar>(golden, "h0", H, B, L), sequence<Scalar>(golden, "c0", H, B, L)};
  LstmState<Scalar> d_state{sequence<Scalar>(golden, "dh", H, B, L), sequence<Scalar>(golden, "dc", H, B, L)};
  typename Lstm<Scalar>::Cache cache;
  Sequence<Scalar> dx;

  compare_sequence(golden, "y", lstm.forward(x, state, cache, Inference{}));
  compare_sequence(golden, "h", state.h);
  compare_sequence(golden, "c", state.c);
  lstm.backward(x, sequence<Scalar>(golden, "dy", H, B, T), cache, d_state, &dx);
  compare_sequence(golden, "dx", dx);
  compare_sequence(golden, "dh0", d_state.h);
  compare_sequence(golden, "dc0", d_state.c);
  for (Index l = 0; l < L; ++l) {
    compare_matrix(golden, "dW" + std::to_string(l), lstm.layer(l).W().grad());
    compare_matrix(golden, "dR" + std::to_string(l), lstm.layer(l).R().grad());
    compare_matrix(golden, "db" + std::to_string(l), lstm.layer(l).b().grad());
  }
}

TEMPLATE_TEST_CASE("Linear, Embedding and losses: outputs and gradients agree with PyTorch", "", double, float) {
  using Scalar = TestType;
  const Golden golden("layers");
  const Index C = 4, K = 3, B = 2, T = 5, V = 6, D = 3;
  Rng rng(0);

  Linear<Scalar> linear(C, K, rng);
  golden.read_matrix("linear.W", linear.W().value());
  golden.read_matrix("linear.b", linear.b().value());
  const auto x = sequence<Scalar>(golden, "linear.x", C, B, T);
  Sequence<Scalar> y, dx;
  linear.forward(x, y);
  compare_sequence(golden, "linear.y", y);
  linear.backward(x, sequence<Scalar>(golden, "linear.dy", K, B, T), &dx);
  compare_sequence(golden, "linear.dx", dx);
  compare_matrix(golden, "linear.dW", linear.W().grad());
  compare_matrix(golden, "linear.db", linear.b().grad());

  Embedding<Scalar> embedding(V, D, rng);
  Sequence<Scalar> E(D, V, 1);  // (V, D) row-major is D x V column-major
  golden.read_sequence("embedding.E", E);
  copy(Cpu{}, E.at(0), embedding.E().value());
  const auto tokens = golden.integers("embedding.tokens");
  embedding.forward(tokens, B, T, y);
  compare_sequence(golden, "embedding.y", y);
  embedding.backward(tokens, sequence<Scalar>(golden, "embedding.dy", D, B, T));
  copy(Cpu{}, embedding.E().grad(), E.at(0));
  compare_sequence(golden, "embedding.dE", E);

  const double bound = std::is_same_v<Scalar, float> ? kFloatBound : kDoubleBound;
  Sequence<Scalar> d;
  const Loss softmax = softmax_cross_entropy(sequence<Scalar>(golden, "softmax.logits", V, B, T),
                                             golden.integers("softmax.targets"), &d);
  CHECK(softmax.mean() == Approx(golden["softmax.loss"][0]).epsilon(bound));
  compare_sequence(golden, "softmax.d_logits", d);
  const Loss bernoulli = bernoulli_cross_entropy(sequence<Scalar>(golden, "bernoulli.logits", V, B, T),
                                                 sequence<Scalar>(golden, "bernoulli.targets", V, B, T), &d);
  CHECK(bernoulli.mean() == Approx(golden["bernoulli.loss"][0]).epsilon(bound));
  compare_sequence(golden, "bernoulli.d_logits", d);
}

TEMPLATE_TEST_CASE("ten training steps: losses, gradient norms and final weights agree with PyTorch", "", double,
                   float) {
  using Scalar = TestType;
  const Golden golden("training");
  const Index V = 11, D = 5, H = 6, L = 2, B = 4, T = 7;
  Rng rng(0);
  TokenModel<Scalar> model({.vocabulary = V, .embedding = D, .hidden = H, .layers = L}, rng);
  const auto read = [&](const Path& path, auto& p) {
    const std::string name(path.text());
    if (name == "embedding.weight") {
      Sequence<Scalar> E(D, V, 1);
      golden.read_sequence(name, E);
      copy(Cpu{}, E.at(0), p.value());
    } else {
      golden.read_matrix(name, p.value());
    }
  };
  model.for_each_parameter(read);

  // Float: Adam divides a gradient by its magnitude, so at each step the gradient's relative error changes a weight by
  // the learning rate times that error, and the loss by that times the sum of |gradient|, at most sqrt(N) times its
  // norm, which stays below 1 here.
  const double kFloatLossBound = 10 * 0.05 * kFloatBound * std::sqrt(static_cast<double>(parameter_count(model)));
  const double bound = std::is_same_v<Scalar, float> ? kFloatLossBound : kDoubleBound;

  Adam adam({.learning_rate = 0.05, .weight_decay = 0.05});
  const auto tokens = golden.integers("tokens");
  auto state = model.zero_state(B);
  typename TokenModel<Scalar>::Cache cache;
  for (std::size_t step = 0; step < 10; ++step) {
    const auto window = std::span(tokens).subspan(step * std::size_t(T * B), std::size_t((T + 1) * B));
    zero_grad(model);
    const Loss loss = model.forward_backward(window.first(std::size_t(T * B)), window.last(std::size_t(T * B)), B, T,
                                             state, cache, Inference{});
    CHECK(std::abs(loss.mean() - golden["losses"][step]) <= bound);
    CHECK(std::abs(clip_grad_norm(model, 0.15) - golden["norms"][step]) <= bound);
    adam.step(model);
  }
  if constexpr (std::is_same_v<Scalar, double>)
    model.for_each_parameter([&](const Path& path, auto& p) {
      if (path.text() == "lstm.weight_hh_l1" || path.text() == "output.bias")
        compare_matrix(golden, std::string(path.text()) + ".after", p.value());
    });
}

// SPDX-License-Identifier: MIT
// The forward pass against an independent reference; streaming and truncated windows against one long pass; ragged
// batches; invalid arguments.
#include <limits>
#include <string>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/naive_lstm.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

template <class Scalar>
std::vector<NaiveLayer> naive_layers(Lstm<Scalar>& lstm) {
  std::vector<NaiveLayer> layers;
  for (Index l = 0; l < lstm.depth(); ++l) {
    auto& from = lstm.layer(l);
    NaiveLayer to;
    to.C = static_cast<std::size_t>(from.input()), to.H = static_cast<std::size_t>(from.hidden());
    for (Index row = 0; row < 4 * from.hidden(); ++row) {
      auto& W = to.W.emplace_back();
      auto& R = to.R.emplace_back();
      for (Index k = 0; k < from.input(); ++k) W.push_back(static_cast<double>(from.W().value()(row, k)));
      for (Index k = 0; k < from.hidden(); ++k) R.push_back(static_cast<double>(from.R().value()(row, k)));
      to.b.push_back(static_cast<double>(from.b().value()(row, 0)));
    }
    layers.push_back(to);
  }
  return layers;
}

double value_of(double v) { return v; }
double value_of(const Bounded& v) { return v.value; }

// Double against double: a few hundred roundings of 1e-16, none amplified.
double bound_of(double) { return 1e-13; }
double bound_of(const Bounded& v) { return v.error; }

/// Runs Lstm<Scalar> and the reference over the same data and compares every output and both final states.
template <class Scalar, class Number>
void compare_with_reference(const LstmConfig& config, Index B, Index T, const std::vector<Index>& lengths) {
  Rng rng(7);
  Lstm<Scalar> lstm(config, rng);
  randomise(lstm, rng);
  auto x = random_sequence<Scalar>(config.input, B, T, rng);
  x.set_lengths(lengths);
  auto state = random_state(lstm, B, rng);
  const auto before = state;
  typename Lstm<Scalar>::Cache cache;
  const auto& y = lstm.forward(x, state, cache, Inference{});

  const auto layers = naive_layers(lstm);
  const auto H = static_cast<std::size_t>(config.hidden);
  double largest_bound = 0, norm = 0;
  const auto compare = [&](Scalar got, const Number& wanted) {
    CHECK(std::abs(static_cast<double>(got) - value_of(wanted)) <= bound_of(wanted));
    largest_bound = std::max(largest_bound, bound_of(wanted));
    norm += std::abs(value_of(wanted));
  };
  for (Index b = 0; b < B; ++b) {
    NaiveState<Number> naive_state;
    for (Index l = 0; l < config.layers; ++l) {
      auto& h = naive_state.h.emplace_back();
      auto& c = naive_state.c.emplace_back();
      for (Index u = 0; u < config.hidden; ++u) {
        h.push_back(static_cast<double>(before.h(u, b, l)));
        c.push_back(static_cast<double>(before.c(u, b, l)));
      }
    }
    Columns<Number> steps;
    for (Index t = 0; t < x.length(b); ++t) {
      auto& step = steps.emplace_back();
      for (Index k = 0; k < config.input; ++k) step.push_back(static_cast<double>(x(k, b, t)));
    }
    const auto wanted = naive_lstm(layers, steps, naive_state);
    for (Index t = 0; t < T; ++t)
      for (std::size_t u = 0; u < H; ++u)
        if (t < x.length(b))
          compare(y(Index(u), b, t), wanted[std::size_t(t)][u]);
        else
          CHECK(y(Index(u), b, t) == Scalar(0));
    for (Index l = 0; l < config.layers; ++l)
      for (std::size_t u = 0; u < H; ++u) {
        compare(state.h(Index(u), b, l), naive_state.h[std::size_t(l)][u]);
        compare(state.c(Index(u), b, l), naive_state.c[std::size_t(l)][u]);
      }
  }
  CHECK(norm > 0.1);            // not vacuous
  CHECK(largest_bound < 1e-2);  // the bound is tight enough
}

const std::vector<Index> kDense = {};

}  // namespace

TEST_CASE("forward agrees with the naive reference in double") {
  compare_with_reference<double, double>({.input = 3, .hidden = 5, .layers = 2}, 3, 6, kDense);
  compare_with_reference<double, double>({.input = 1, .hidden = 1, .layers = 1}, 1, 1, kDense);
  compare_with_reference<double, double>({.input = 4, .hidden = 3, .layers = 3}, 1, 7, kDense);
  compare_with_reference<double, double>({.input = 2, .hidden = 7, .layers = 1}, 9, 3, kDense);
}

TEST_CASE("forward agrees with the naive reference on ragged batches, in any order of lengths") {
  const LstmConfig config{.input = 3, .hidden = 5, .layers = 2};
  compare_with_reference<double, double>(config, 5, 6, {6, 5, 5, 1, 0});
  compare_with_reference<double, double>(config, 5, 6, {0, 3, 6, 1, 4});
  compare_with_reference<double, double>(config, 3, 6, {2, 0, 3});  // no sequence is as long as T
  compare_with_reference<double, double>(config, 2, 4, {0, 0});
}

TEST_CASE("forward in float stays within the running error bound") {
  compare_with_reference<float, Bounded>({.input = 3, .hidden = 5, .layers = 2}, 3, 6, kDense);
  compare_with_reference<float, Bounded>({.input = 3, .hidden = 5, .layers = 2}, 4, 6, {1, 6, 0, 3});
  compare_with_reference<float, Bounded>({.input = 20, .hidden = 17, .layers = 1}, 2, 4, kDense);
}

TEST_CASE("a sequence with T = 0 leaves the state unchanged") {
  Rng rng(1);
  const Lstm<double> lstm({.input = 2, .hidden = 3}, rng);
  auto state = random_state(lstm, 2, rng);
  const auto before = state;
  Lstm<double>::Cache cache;
  CHECK(lstm.forward(Sequence<double>(2, 2, 0), state, cache, Inference{}).time() == 0);
  CHECK(matrix(state.h.flat()) == matrix(before.h.flat()));
  CHECK(matrix(state.c.flat()) == matrix(before.c.flat()));
}

TEST_CASE("single steps agree with forward") {
  const auto compare = []<class Scalar>(Scalar, double bound, Index B) {
    Rng rng(3);
    const Index H = 9, T = 8;
    Lstm<Scalar> lstm({.input = 4, .hidden = H, .layers = 2}, rng);
    const auto x = random_sequence<Scalar>(4, B, T, rng);
    auto state = random_state(lstm, B, rng), streamed = state;
    typename Lstm<Scalar>::Cache cache;
    const auto& y = lstm.forward(x, state, cache, Inference{});
    typename Lstm<Scalar>::Scratch scratch;
    for (Index t = 0; t < T; ++t) {
      const auto h = lstm.step(x.at(t), streamed, scratch);
      CHECK((matrix(h) - matrix(y.at(t))).cwiseAbs().maxCoeff() <= Scalar(bound));
    }
    CHECK((matrix(streamed.c.flat()) - matrix(state.c.flat())).cwiseAbs().maxCoeff() <= Scalar(bound));
    CHECK(matrix(y.flat()).norm() > Scalar(1));
  };
  // They sum the C + H + 1 = 14 products of a gate in different orders, and the weights (|R| <= 1/3, 9 of them in a
  // row) damp rather than amplify: 14 roundings of values up to 4, over 8 steps and 2 layers.
  constexpr double kRoundings = 14 * 4 * 8 * 2;
  for (Index B : {1, 3}) {
    compare(0.0, kRoundings * 0x1p-53, B);
    compare(0.0f, kRoundings * 0x1p-24, B);
  }
}

TEST_CASE("two windows with carried state equal one long window") {
  Rng rng(4);
  const Index B = 3, T = 10, cut = 4;
  Lstm<double> lstm({.input = 2, .hidden = 5, .layers = 2}, rng);
  randomise(lstm, rng);
  const auto x = random_sequence<double>(2, B, T, rng);
  auto state = random_state(lstm, B, rng), carried = state;
  Lstm<double>::Cache cache, first, second;
  const auto& y = lstm.forward(x, state, cache, Inference{});

  Sequence<double> x1(2, B, cut), x2(2, B, T - cut);
  copy(Cpu{}, x.flat().columns(0, cut * B), x1.flat());
  copy(Cpu{}, x.flat().columns(cut * B, (T - cut) * B), x2.flat());
  const auto& y1 = lstm.forward(x1, carried, first, Inference{});
  const auto& y2 = lstm.forward(x2, carried, second, Inference{});
  constexpr double kBound = 1e-13;
  CHECK((matrix(y1.flat()) - matrix(y.flat().columns(0, cut * B))).cwiseAbs().maxCoeff() <= kBound);
  CHECK((matrix(y2.flat()) - matrix(y.flat().columns(cut * B, (T - cut) * B))).cwiseAbs().maxCoeff() <= kBound);
  CHECK((matrix(carried.h.flat()) - matrix(state.h.flat())).cwiseAbs().maxCoeff() <= kBound);
  CHECK((matrix(carried.c.flat()) - matrix(state.c.flat())).cwiseAbs().maxCoeff() <= kBound);
  CHECK(matrix(y2.flat()).norm() > 0.1);
}

TEST_CASE("padding has no influence, even if it is NaN") {
  Rng rng(5);
  const Index B = 4, T = 5;
  const std::vector<Index> lengths = {3, 0, 5, 1};
  Lstm<double> lstm({.input = 2, .hidden = 4, .layers = 2}, rng);
  auto x = random_sequence<double>(2, B, T, rng), dy = random_sequence<double>(4, B, T, rng);
  x.set_lengths(lengths);

  const auto run = [&](double padding) {
    for (Index t = 0; t < T; ++t)
      for (Index b = 0; b < B; ++b)
        if (!x.active(b, t)) {
          column(&x(0, b, t), 2).setConstant(padding);
          column(&dy(0, b, t), 4).setConstant(padding);
        }
    zero_grad(lstm);
    Lstm<double>::Cache cache;
    auto state = lstm.zero_state(B), d_state = lstm.zero_state(B);
    Sequence<double> dx;
    std::vector<double> all;
    const auto keep = [&](MatrixView<const double> v) { all.insert(all.end(), v.data, v.data + v.rows * v.cols); };
    keep(lstm.forward(x, state, cache, Inference{}).flat());
    lstm.backward(x, dy, cache, d_state, &dx);
    for (auto* s : {&state.h, &state.c, &d_state.h, &d_state.c, &dx}) keep(s->flat());
    lstm.for_each_parameter([&](const Path&, auto& p) { keep(p.grad()); });
    return all;
  };
  CHECK(run(0) == run(std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("the forget gate's bias starts at the configured value, all other biases at zero") {
  Rng rng(6);
  Lstm<float> lstm({.input = 2, .hidden = 3, .layers = 2, .forget_bias = 1.5}, rng);
  for (Index l : {0, 1})
    for (Index row = 0; row < 12; ++row)
      CHECK(lstm.layer(l).b().value()(row, 0) == (row >= 3 && row < 6 ? 1.5f : 0.0f));
}

TEST_CASE("Lstm has the parameter names and counts of torch.nn.LSTM") {
  Rng rng(6);
  Lstm<float> lstm({.input = 2, .hidden = 3, .layers = 2}, rng);
  std::vector<std::string> names;
  lstm.for_each_parameter([&](const Path& path, auto&) { names.emplace_back(path.text()); }, Path{} / "lstm");
  CHECK(names == std::vector<std::string>{"lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0",
                                          "lstm.weight_ih_l1", "lstm.weight_hh_l1", "lstm.bias_ih_l1"});
  CHECK(parameter_count(lstm) == 12 * (2 + 3 + 1) + 12 * (3 + 3 + 1));
}

TEST_CASE("Lstm reports actual and expected shapes") {
  Rng rng(8);
  Lstm<float> lstm({.input = 89, .hidden = 4, .layers = 2}, rng);
  auto state = lstm.zero_state(16), d_state = state;
  Lstm<float>::Cache cache;
  CHECK_THROWS_WITH(lstm.forward(Sequence<float>(88, 16, 64), state, cache, Inference{}),
                    "Lstm::forward: x is 88 x 16 x 64 (C x B x T), this layer wants C = 89");
  CHECK_THROWS_WITH(lstm.forward(Sequence<float>(89, 15, 64), state, cache, Inference{}),
                    "Lstm::forward: state.h is 4 x 16 x 2 (P x B x L*D), wanted 4 x 15 x 2");
  Sequence<float> x(89, 16, 3);
  fill(Cpu{}, x.flat(), 0);
  CHECK_THROWS_WITH(lstm.backward(x, Sequence<float>(4, 16, 3), cache, d_state),
                    "Lstm::backward: the cache is not that of a forward pass over x, 89 x 16 x 3 (C x B x T)");
  lstm.forward(x, state, cache, Inference{});
  CHECK_THROWS_WITH(lstm.backward(x, Sequence<float>(5, 16, 3), cache, d_state),
                    "Lstm::backward: dy is 5 x 16 x 3 (C x B x T), wanted 4 x 16 x 3");
  typename Lstm<float>::Scratch scratch;
  CHECK_THROWS_WITH(lstm.step(x.flat(), state, scratch),
                    "Lstm::step: state.h is 4 x 16 x 2 (P x B x L*D), wanted 4 x 48 x 2");
  CHECK_THROWS_WITH(lstm.step(Sequence<float>(3, 16, 1).at(0), state, scratch),
                    "Lstm::step: x is 3 x 16 (C x B), this layer wants C = 89");
  CHECK_THROWS_AS(Lstm<float>({.input = 0, .hidden = 4}, rng), shape_error);
  CHECK_THROWS_AS(Lstm<float>({.input = 1, .hidden = 4, .layers = 1, .dropout = 1}, rng), shape_error);
}

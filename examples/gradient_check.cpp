// SPDX-License-Identifier: MIT
// A check of backpropagation through time: every gradient of an LSTM is compared with central differences of the loss.
// docs/02-backprop-through-time.md derives the gradients.
#include "options.hpp"

#include <rondo/cpu/eigen.hpp>
#include <rondo/rondo.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <string>

namespace {

using rondo::ConstView;
using rondo::Index;
using rondo::MatrixView;

double dot(ConstView<double> a, ConstView<double> b) { return rondo::matrix(a).cwiseProduct(rondo::matrix(b)).sum(); }

/// || gradient - s || / || s ||, where s are the central differences of loss().
template <class Loss>
double relative_error(MatrixView<double> value, ConstView<double> gradient, const Loss& loss) {
  constexpr double kStep = 1e-5;       // truncation error ~ kStep^2, rounding error ~ 1e-16 / kStep: both ~ 1e-10
  double slopes = 0, differences = 0;  // sums of squares
  for (Index j = 0; j < value.cols; ++j)
    for (Index i = 0; i < value.rows; ++i) {
      const double kept = value(i, j);
      value(i, j) = kept + kStep;
      const double above = loss();
      value(i, j) = kept - kStep;
      const double below = loss();
      value(i, j) = kept;
      const double slope = (above - below) / (2 * kStep);
      slopes += slope * slope;
      differences += (gradient(i, j) - slope) * (gradient(i, j) - slope);
    }
  return std::sqrt(differences / slopes);
}

}  // namespace

int main(int argc, char** argv) {
  Index input = 4, hidden = 5, layers = 2, time = 5, batch = 3;
  std::uint64_t seed = 1;
  CLI::App app("Compares every gradient of an LSTM with central differences, in double.");
  app.add_option("--input", input, "input features C")->capture_default_str()->check(examples::integer_in("[1, inf)"));
  app.add_option("--hidden", hidden, "hidden units H")->capture_default_str()->check(examples::integer_in("[1, inf)"));
  app.add_option("--layers", layers, "layers L")->capture_default_str()->check(examples::integer_in("[1, inf)"));
  app.add_option("--time", time, "time steps T")->capture_default_str()->check(examples::integer_in("[1, inf)"));
  app.add_option("--batch", batch, "sequences B")->capture_default_str()->check(examples::integer_in("[1, inf)"));
  app.add_option("--seed", seed, "seed of weights and data")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }

  // No value is zero: from a zero initial state, for example, a wrong gradient of R would not be detected at T = 1.
  rondo::Rng rng(seed);
  const auto random = [&](Index features, Index columns) {
    rondo::Sequence<double> s(features, batch, columns);
    rondo::initialise_normal(s.flat(), 1, rng);
    return s;
  };
  rondo::Lstm<double> lstm({.input = input, .hidden = hidden, .layers = layers}, rng);
  auto x = random(input, time);
  rondo::LstmState<double> initial{random(hidden, layers), random(hidden, layers)};

  // The loss is a randomly weighted sum of all outputs and of the final state; its gradient by them is the weights.
  const auto dy = random(hidden, time);
  const rondo::LstmState<double> d_final{random(hidden, layers), random(hidden, layers)};
  rondo::Lstm<double>::Cache cache;
  const auto loss = [&] {
    auto state = initial;
    const auto& y = lstm.forward(x, state, cache, rondo::Inference{});
    return dot(dy.flat(), y.flat()) + dot(d_final.h.flat(), state.h.flat()) + dot(d_final.c.flat(), state.c.flat());
  };

  loss();
  rondo::Sequence<double> dx;
  auto d_initial = d_final;  // in: the gradient of the final state; out: that of the initial state
  lstm.backward(x, dy, cache, d_initial, &dx);

  std::printf("%-16s %12s   %s\n", "tensor", "shape", "relative error");
  constexpr double kTolerance = 1e-6;
  bool good = true;
  const auto row = [&](const std::string& name, MatrixView<double> value, ConstView<double> gradient) {
    const double error = relative_error(value, gradient, loss);
    const auto shape = std::to_string(value.rows) + " x " + std::to_string(value.cols);
    std::printf("%-16s %12s   %.1e\n", name.c_str(), shape.c_str(), error);
    good = good && error <= kTolerance;
  };
  lstm.for_each_parameter(
      [&](const rondo::Path& path, auto& p) { row(std::string(path.text()), p.value(), p.grad()); });
  row("x", x.flat(), dx.flat());
  row("h0", initial.h.flat(), d_initial.h.flat());
  row("c0", initial.c.flat(), d_initial.c.flat());

  std::puts(good ? "\nAll gradients agree." : "\nA GRADIENT IS WRONG.");
  return good ? 0 : 1;
}

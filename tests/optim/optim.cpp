// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <rondo/core/random.hpp>
#include <rondo/layers/initialise.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>
#include <rondo/optim/schedule.hpp>

#include "support/catch.hpp"

using namespace rondo;

namespace {

/// A weight matrix, with weight decay, and a bias, without.
struct Pair {
  Parameter<double> W{3, 2}, b{3, 1, ParameterKind::bias};
  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    f(path / "W", W);
    f(path / "b", b);
  }
};

}  // namespace

TEST_CASE("Adam agrees with the algorithm of the papers, element-wise") {
  const AdamConfig config{.learning_rate = 0.1, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.2};
  Pair model;
  Rng rng(1);
  model.for_each_parameter([&](const Path&, auto& p) { initialise_normal(p.value(), 1, rng); });
  std::vector<double> w(9), m(9, 0), v(9, 0);
  for (int n = 0; n < 9; ++n) w[std::size_t(n)] = n < 6 ? model.W.value().data[n] : model.b.value().data[n - 6];
  Adam adam(config);
  for (int step = 1; step <= 5; ++step) {
    const double rate = step == 3 ? 0.03 : config.learning_rate;  // one step with another rate
    model.for_each_parameter([&](const Path&, auto& p) { initialise_normal(p.grad(), 1, rng); });
    for (std::size_t n = 0; n < 9; ++n) {
      const double g = n < 6 ? model.W.grad().data[n] : model.b.grad().data[n - 6];
      const double decay = n < 6 ? config.weight_decay : 0;
      w[n] -= rate * decay * w[n];
      m[n] = config.beta1 * m[n] + (1 - config.beta1) * g;
      v[n] = config.beta2 * v[n] + (1 - config.beta2) * g * g;
      const double m_hat = m[n] / (1 - std::pow(config.beta1, step)), v_hat = v[n] / (1 - std::pow(config.beta2, step));
      w[n] -= rate * m_hat / (std::sqrt(v_hat) + config.epsilon);
    }
    step == 3 ? adam.step(model, rate) : adam.step(model);
    for (std::size_t n = 0; n < 9; ++n)
      CHECK((n < 6 ? model.W.value().data[n] : model.b.value().data[n - 6]) == Approx(w[n]).epsilon(1e-13));
  }
  CHECK(adam.steps() == 5);
}

TEST_CASE("Adam resumes from the parameters' moments and the optimiser's step count") {
  const auto run = [](bool interrupted) {
    Pair model;
    Rng rng(2);
    Adam adam({.learning_rate = 0.1});
    for (int step = 0; step < 6; ++step) {
      if (interrupted && step == 3) {
        Pair restored = model;
        Adam fresh(adam.config());
        fresh.set_steps(adam.steps());
        model = restored;
        adam = fresh;
      }
      model.for_each_parameter([&](const Path&, auto& p) { initialise_normal(p.grad(), 1, rng); });
      adam.step(model);
    }
    return model.W.value()(2, 1);
  };
  CHECK(run(true) == run(false));
  CHECK(run(false) != 0);
}

TEST_CASE("clip scales all gradients by one factor to the norm, and leaves smaller ones unchanged") {
  Pair model;
  model.W.grad()(0, 1) = 3;
  model.b.grad()(2, 0) = -4;
  CHECK(clip_grad_norm(model, 6) == 5);
  CHECK(model.W.grad()(0, 1) == 3);
  CHECK(clip_grad_norm(model, 1) == 5);
  CHECK(model.W.grad()(0, 1) == Approx(0.6).epsilon(1e-15));
  CHECK(model.b.grad()(2, 0) == Approx(-0.8).epsilon(1e-15));
  CHECK(clip_grad_norm(model, 1) == Approx(1).epsilon(1e-15));
}

TEST_CASE("clip returns a norm that is not finite and changes nothing") {
  Pair model;
  model.W.grad()(0, 0) = std::numeric_limits<double>::infinity();
  model.b.grad()(0, 0) = 2;
  CHECK(clip_grad_norm(model, 1) == std::numeric_limits<double>::infinity());
  CHECK(model.b.grad()(0, 0) == 2);
  model.W.grad()(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(clip_grad_norm(model, 1)));
  CHECK(model.b.grad()(0, 0) == 2);
}

TEST_CASE("clip with a norm that is asked for later gives the bits of the one that returns it") {
  for (double max_norm : {1.0, 6.0}) {
    Pair model, same;
    for (Pair* m : {&model, &same}) m->W.grad()(0, 1) = 3, m->b.grad()(2, 0) = -4;
    GradientNorm norm;
    clip_grad_norm(model, max_norm, norm);
    CHECK(norm.value() == clip_grad_norm(same, max_norm));
    CHECK(model.W.grad()(0, 1) == same.W.grad()(0, 1));
    CHECK(model.b.grad()(2, 0) == same.b.grad()(2, 0));
  }
}

TEST_CASE("Adam skips a step whose norm is not finite") {
  Pair model;
  GradientNorm norm;
  Adam adam;
  model.W.value()(0, 0) = 2;
  for (double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    zero_grad(model);
    model.W.grad()(0, 0) = 1, model.b.grad()(1, 0) = bad;
    clip_grad_norm(model, 1, norm);
    adam.step(model, 0.5, norm);
    CHECK(model.W.value()(0, 0) == 2);
    CHECK(model.W.first_moment()(0, 0) == 0);
  }
  zero_grad(model);
  model.W.grad()(0, 0) = 1;
  clip_grad_norm(model, 1, norm);
  adam.step(model, 0.5, norm);
  CHECK(model.W.value()(0, 0) < 2);
  CHECK(adam.steps() == 3);
}

TEST_CASE("the schedule warms up linearly, decays by half a cosine, and stays at its minimum") {
  const WarmupCosine rate{.peak = 2, .warmup = 0.2, .min_ratio = 0.1};
  CHECK(rate(0) == 0);
  CHECK(rate(0.1) == Approx(1));
  CHECK(rate(0.2) == Approx(2));
  CHECK(rate(0.6) == Approx(2 * (0.1 + 0.9 * 0.5)));
  CHECK(rate(0.4) == Approx(2 * (0.1 + 0.9 * 0.5 * (1 + std::numbers::sqrt2 / 2))));
  CHECK(rate(1) == Approx(0.2));
  CHECK(rate(-1) == 0);
  CHECK(rate(7) == Approx(0.2));
  CHECK(WarmupCosine{.peak = 3}(0) == 3);
  CHECK(WarmupCosine{.peak = 3}(1) == Approx(0).margin(1e-15));
}

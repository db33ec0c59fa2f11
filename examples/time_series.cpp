// SPDX-License-Identifier: MIT
// A forecast, many-to-one: a window of a noisy signal in, its next value out. The signal is a sum of two sine waves of
// known periods and random phases. It is compared with the naive forecast, the window's last value.
#include <rondo/rondo.hpp>

#include <cmath>
#include <cstdio>
#include <numbers>

namespace {

constexpr rondo::Index kBatch = 32, kWindow = 30, kHidden = 24;
constexpr int kSteps = 800;
constexpr double kNoise = 0.05;  // standard deviation

/// Windows of new signals: x becomes 1 x B x T, target 1 x B x 1.
void draw(rondo::Rng& rng, rondo::Sequence<float>& x, rondo::Sequence<float>& target) {
  x.resize(1, kBatch, kWindow), target.resize(1, kBatch, 1);
  for (rondo::Index b = 0; b < kBatch; ++b) {
    const double turn = 2 * std::numbers::pi, slow = turn * rng.uniform(), fast = turn * rng.uniform();
    const auto value = [&](rondo::Index t) {
      const double at = turn * static_cast<double>(t);
      return static_cast<float>(std::sin(at / 19 + slow) + 0.5 * std::sin(at / 7 + fast) + kNoise * rng.normal());
    };
    for (rondo::Index t = 0; t < kWindow; ++t) x(0, b, t) = value(t);
    target(0, b, 0) = value(kWindow);
  }
}

}  // namespace

int main() {
  rondo::Rng rng(1);
  rondo::Lstm<float> lstm({.input = 1, .hidden = kHidden}, rng);
  rondo::Linear<float> fc(kHidden, 1, rng);
  auto model = rondo::named("lstm", lstm, "fc", fc);
  rondo::Adam adam;

  rondo::Lstm<float>::Cache cache;
  rondo::Sequence<float> x, target, last, forecast, d_forecast, d_last, dy;
  for (int step = 0; step <= kSteps; ++step) {
    draw(rng, x, target);
    auto state = lstm.zero_state(kBatch);
    const auto& y = lstm.forward(x, state, cache, rondo::Training{rng});  // H x B x T
    rondo::last_step(y, last);                                            // H x B x 1
    fc.forward(last, forecast);                                           // 1 x B x 1
    const double error = rondo::mean_squared_error(forecast, target, &d_forecast).mean();

    rondo::zero_grad(model);
    fc.backward(last, d_forecast, &d_last);
    rondo::last_step_backward(y, d_last, dy);
    auto d_state = lstm.zero_state(kBatch);  // the final state has no gradient
    lstm.backward(x, dy, cache, d_state);
    rondo::clip_grad_norm(model, 1);
    adam.step(model, 1e-2 * (1 - 0.9 * step / kSteps));  // the learning rate falls
    if (step % 100 == 0) std::printf("step %3d   mean squared error %.4f\n", step, error);
  }

  // Evaluation on new signals, compared with the naive forecast.
  constexpr int kBatches = 20;
  double learned = 0, naive = 0;  // mean squared errors
  for (int n = 0; n < kBatches; ++n) {
    draw(rng, x, target);
    auto state = lstm.zero_state(kBatch);
    rondo::last_step(lstm.forward(x, state, cache, rondo::Inference{}), last);
    fc.forward(last, forecast);
    learned += rondo::mean_squared_error(forecast, target, nullptr).mean() / kBatches;
    naive += rondo::mean_squared_error(rondo::Cpu{}, x.at(kWindow - 1), target.at(0)).mean() / kBatches;
  }
  std::printf("\nnew signals: mean squared error %.4f, naive forecast %.4f, noise variance %.4f\n", learned, naive,
              kNoise * kNoise);
  return learned < 0.1 * naive ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Adam, the norm, and scaling.
#include <cmath>
#include <limits>
#include <vector>

#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/optim.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "cuda/device_matrix.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

struct ParameterShape {
  Index rows, cols;
};
constexpr ParameterShape kParameterShapes[] = {{0, 3},  {3, 0},   {1, 1},     {31, 1},    {33, 7},
                                               {1, 33}, {257, 5}, {1000, 31}, {5, 70000}, {1200, 900}};

}  // namespace

TEMPLATE_TEST_CASE("CUDA: Adam is bit-identical to its definition, element-wise", "", float, double) {
  if (!gpu_available()) return;
  const AdamStep s{.step_size = 0.3,
                   .beta1 = 0.9,
                   .beta2 = 0.99,
                   .bias_correction2_sqrt = 0.7,
                   .epsilon = 1e-3,
                   .weight_decay_factor = 0.95};
  constexpr double u = std::numeric_limits<TestType>::epsilon() / 2;
  Rng rng(1);
  for (auto [rows, cols] : kParameterShapes)
    for (Index gap : {0, 3}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      const auto w = random_matrix<TestType>(rows, cols, rng), g = random_matrix<TestType>(rows, cols, rng),
                 m = random_matrix<TestType>(rows, cols, rng);
      auto v = random_matrix<TestType>(rows, cols, rng);
      for (TestType& value : v.values) value *= value;
      DeviceMatrix<TestType> weight(w, gap), gradient(g, gap), first(m, gap), second(v, 0);
      adam_update<TestType>(Cuda{}, s, weight.view(), gradient.view(), first.view(), second.view());
      CHECK(gradient.get() == g);
      const auto w1 = weight.get(), m1 = first.get(), v1 = second.get();
      auto w_bits = w, m_bits = m, v_bits = v;
      Index wrong = 0;
      for (std::size_t n = 0; n < w.values.size(); ++n) {
        // The definition in double: each line rounds a few times.
        const double grad = g.values[n], square = grad * grad, before = w.values[n];
        const double m_exact = m.values[n] + (1 - s.beta1) * (grad - m.values[n]);
        const double v_exact = v.values[n] + (1 - s.beta2) * (square - v.values[n]);
        const double move =
            s.step_size * m1.values[n] / (std::sqrt(double{v1.values[n]}) / s.bias_correction2_sqrt + s.epsilon);
        const auto check_error = [&](double value, double exact, double bound) {
          wrong += !(std::abs(value - exact) <= bound);
        };
        check_error(m1.values[n], m_exact, 4 * u * std::max(std::abs(double{m.values[n]}), std::abs(grad)));
        check_error(v1.values[n], v_exact, 4 * u * std::max(double{v.values[n]}, square));
        check_error(w1.values[n], s.weight_decay_factor * before - move,
                    u * (10 * std::abs(move) + 4 * std::abs(before)));
        // The definition with its specified roundings.
        const auto scalar = [](double x) { return static_cast<TestType>(x); };
        TestType &weight_n = w_bits.values[n], &m_n = m_bits.values[n], &v_n = v_bits.values[n];
        const TestType g_n = g.values[n];
        m_n = std::fma(scalar(1 - s.beta1), g_n - m_n, m_n);
        v_n = std::fma(scalar(1 - s.beta2), std::fma(g_n, g_n, -v_n), v_n);
        const TestType divisor = std::fma(std::sqrt(v_n), scalar(1 / s.bias_correction2_sqrt), scalar(s.epsilon));
        weight_n = std::fma(scalar(s.weight_decay_factor), weight_n, -(scalar(s.step_size) * m_n / divisor));
      }
      CHECK(wrong == 0);
      CHECK(m1 == m_bits);
      CHECK(v1 == v_bits);
      CHECK(w1 == w_bits);
    }
}

TEST_CASE("CUDA: Adam is bit-identical to the CPU's vector kernels") {
  if (!gpu_available()) return;
  if (detail::kernels() == nullptr) {
    WARN("skipped: this machine has no vector kernels");
    return;
  }
  const AdamStep s{.step_size = 1e-3,
                   .beta1 = 0.9,
                   .beta2 = 0.999,
                   .bias_correction2_sqrt = 0.3,
                   .epsilon = 1e-8,
                   .weight_decay_factor = 1};
  Rng rng(2);
  auto w = random_matrix<float>(1000, 3, rng), m = random_matrix<float>(1000, 3, rng);
  const auto g = random_matrix<float>(1000, 3, rng);
  Matrix<float> v(1000, 3, 0.25f);
  DeviceMatrix<float> weight(w), gradient(g), first(m), second(v);
  for (int step = 0; step < 3; ++step) {
    adam_update<float>(Cuda{}, s, weight.view(), gradient.view(), first.view(), second.view());
    adam_update<float>(Cpu{}, s, w.view(), g.view(), m.view(), v.view());
  }
  CHECK(weight.get() == w);
  CHECK(first.get() == m);
  CHECK(second.get() == v);
}

TEMPLATE_TEST_CASE("CUDA: the sum of squares is computed in double", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(3);
  for (auto [rows, cols] : kParameterShapes)
    for (Index gap : {0, 3}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      const auto a = random_matrix<TestType>(rows, cols, rng);
      DeviceMatrix<TestType> on_device(a, gap);
      long double sum = 0;
      for (TestType value : a.values) sum += static_cast<long double>(value) * value;
      const double norm = squared_norm(Cuda{}, on_device.view());
      // A thread's share of a part (17 of 4096 to 8192 elements, more of larger parts), a block, up to 1024 parts.
      const auto additions = static_cast<long double>(33 + rows * cols / 262144 + 13 + 4 + 13);
      CHECK(std::abs(norm - sum) <= additions * std::numeric_limits<double>::epsilon() * sum);
      CHECK((rows * cols == 0) == (norm == 0));
      CHECK(on_device.get() == a);
    }
}

TEST_CASE("CUDA: the sum of squares of large floats does not overflow, and is not finite if an element is not") {
  if (!gpu_available()) return;
  Matrix<float> a(300, 2, 1e30f);
  CHECK(squared_norm(Cuda{}, DeviceMatrix<float>(a).view()) == Approx(600 * 1e60));
  a(299, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(squared_norm(Cuda{}, DeviceMatrix<float>(a, 3).view())));
}

TEMPLATE_TEST_CASE("CUDA: scale", "", float, double) {
  if (!gpu_available()) return;
  Rng rng(4);
  for (auto [rows, cols] : kParameterShapes)
    for (Index gap : {0, 3}) {
      INFO(rows << " x " << cols << ", gap " << gap);
      auto a = random_matrix<TestType>(rows, cols, rng);
      DeviceMatrix<TestType> on_device(a, gap);
      scale(Cuda{}, on_device.view(), TestType(0.3));
      for (TestType& value : a.values) value *= TestType(0.3);
      CHECK(on_device.get() == a);
    }
}

TEST_CASE("CUDA: the norm, the clipped gradients and the step are those of the functions that wait for the device") {
  if (!gpu_available()) return;
  for (double max_norm : {0.05, 100.0}) {
    Rng rng(5);
    Linear<float, Cuda> waits(30, 7, rng), enqueues = waits;
    const auto gradient = random_matrix<float>(7, 30, rng);  // of W; that of the bias is zero
    for (auto* layer : {&waits, &enqueues}) {
      zero_grad(*layer);
      upload(Cuda{}, gradient.view(), layer->W().grad());
    }
    Adam first({.weight_decay = 0.1}), second = first;
    const double norm = clip_grad_norm(waits, max_norm);
    first.step(waits, 0.1);
    GradientNorm<Cuda> deferred;
    clip_grad_norm(enqueues, max_norm, deferred);
    second.step(enqueues, 0.1, deferred);
    CHECK(norm > 1);
    CHECK(deferred.value() == Approx(norm).epsilon(1e-14));
    with_host_copy(Cuda{}, waits.W().grad(), [&](auto a) {
      with_host_copy(Cuda{}, enqueues.W().grad(), [&](auto b) {
        for (Index n = 0; n < 210; ++n) CHECK(b.data[n] == Approx(a.data[n]).epsilon(1e-6));
        CHECK((a(0, 0) == gradient(0, 0)) == (max_norm > norm));
      });
    });
    with_host_copy(Cuda{}, waits.W().value(), [&](auto a) {
      with_host_copy(Cuda{}, enqueues.W().value(), [&](auto b) {
        for (Index n = 0; n < 210; ++n) CHECK(b.data[n] == Approx(a.data[n]).epsilon(1e-6));
      });
    });
  }
}

TEST_CASE("CUDA: a step after a gradient that is not finite changes no weight") {
  if (!gpu_available()) return;
  for (float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Rng rng(5);
    Linear<float, Cuda> layer(3, 4, rng);
    const auto weights = [&] {
      std::vector<float> all;
      with_host_copy(Cuda{}, layer.W().value(), [&](auto a) { all.assign(a.data, a.data + 12); });
      return all;
    };
    const auto before = weights();
    zero_grad(layer);
    Adam adam;
    GradientNorm<Cuda> norm;
    fill(Cuda{}, layer.W().grad(), 1.0f);
    fill(Cuda{}, layer.W().grad().columns(1, 1), bad);
    clip_grad_norm(layer, 1, norm);
    adam.step(layer, 0.1, norm);
    CHECK_FALSE(std::isfinite(norm.value()));
    CHECK(weights() == before);
    fill(Cuda{}, layer.W().grad(), 1.0f);
    clip_grad_norm(layer, 1, norm);
    adam.step(layer, 0.1, norm);
    CHECK(norm.value() == Approx(std::sqrt(12.0)));  // that of the bias is zero
    CHECK(weights() != before);
  }
}

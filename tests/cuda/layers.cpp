// SPDX-License-Identifier: MIT
// The same layers on both devices, with the same weights: results agree to rounding.
#include <cmath>
#include <limits>
#include <utility>

#include <rondo/cuda.hpp>
#include <rondo/layers/dropout.hpp>
#include <rondo/layers/embedding.hpp>
#include <rondo/layers/linear.hpp>
#include <rondo/layers/losses.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "cuda/device_matrix.hpp"
#include "support/fill.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

constexpr Index V = 40, D = 33, K = 21, B = 3, T = 17;

/// Embedding, dropout, projection: tokens in, logits out. Backward accumulates gradients.
template <class Scalar, class Device>
struct Model {
  explicit Model(Rng& rng) : embedding(V, D, rng), linear(D, K, rng) {}

  template <class F>
  void for_each_parameter(F&& f, const Path& path = {}) {
    embedding.for_each_parameter(f, path / "embedding");
    linear.for_each_parameter(f, path / "linear");
  }

  /// Returns a step's loss and accumulates gradients.
  double pass(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets,
              std::span<const Index> lengths) {
    Rng numbers(5);
    embedding.forward(tokens, B, T, x);
    x.set_lengths(lengths);
    const auto& kept = dropout(x, 0.25, numbers, dropped);
    linear.forward(kept, logits);
    const Loss loss = softmax_cross_entropy(logits, targets, &d_logits);
    linear.backward(kept, d_logits, &dx);
    dropout_backward<Scalar>(Device{}, dropped.mask.flat(), dx.flat());
    embedding.backward(tokens, dx);
    return loss.mean();
  }

  Embedding<Scalar, Device> embedding;
  Linear<Scalar, Device> linear;
  Sequence<Scalar, Device> x, logits, d_logits, dx;
  DropoutCache<Scalar, Device> dropped;
};

/// All values, or gradients, of a model on any device.
enum class Part { value, gradient };
template <class M>
std::vector<double> numbers(M& model, Part part) {
  std::vector<double> all;
  model.for_each_parameter([&]<class Scalar, class Device>(const Path&, Parameter<Scalar, Device>& p) {
    with_host_copy(Device{}, part == Part::value ? p.value() : p.grad(),
                   [&](auto host) { all.insert(all.end(), host.data, host.data + p.size()); });
  });
  return all;
}

/// Requires that values differ by at most `bound` times the largest.
void check_close(const std::vector<double>& a, const std::vector<double>& b, double bound) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (double x : a) largest = std::max(largest, std::abs(x));
  CHECK(largest > 1e-3);
  for (std::size_t n = 0; n < a.size(); ++n) REQUIRE(std::abs(a[n] - b[n]) <= bound * largest);
}

}  // namespace

TEMPLATE_TEST_CASE("CUDA: initial values, passes, updates and clipping of a model agree with the CPU", "", float,
                   double) {
  if (!gpu_available()) return;
  // Both devices sum at most B T = 51 products in different orders; softmax and its exponentials also round.
  constexpr double bound = 200 * std::numeric_limits<TestType>::epsilon();
  Rng rng_host(1), rng_device(1), rng(2);
  Model<TestType, Cpu> host(rng_host);
  Model<TestType, Cuda> device(rng_device);
  CHECK(numbers(host, Part::value) == numbers(device, Part::value));

  std::vector<std::int32_t> tokens, targets;
  for (Index n = 0; n < B * T; ++n) {
    tokens.push_back(static_cast<std::int32_t>(rng.below(V)));
    targets.push_back(n % 7 == 3 ? kIgnoreIndex : static_cast<std::int32_t>(rng.below(K)));
  }
  for (const std::vector<Index>& lengths : {std::vector<Index>{}, {17, 9, 0}, {4, 17, 12}}) {
    INFO(lengths.size() << " lengths");
    zero_grad(host);
    zero_grad(device);
    for (int pass = 0; pass < 2; ++pass)  // the second accumulates onto the first
      CHECK(device.pass(tokens, targets, lengths) == Approx(host.pass(tokens, targets, lengths)).epsilon(bound));
    const Sequence<TestType> logits = to<Cpu>(device.logits);
    check_close({host.logits.data(), host.logits.data() + host.logits.size()},
                {logits.data(), logits.data() + logits.size()}, bound);
    check_close(numbers(host, Part::gradient), numbers(device, Part::gradient), bound);

    const double norm = clip_grad_norm(host, 0.05);
    CHECK(norm > 0.05);
    CHECK(clip_grad_norm(device, 0.05) == Approx(norm).epsilon(bound));
    CHECK(clip_grad_norm(device, 1) == Approx(0.05).epsilon(1e-6));
    copy_weights(host, device);
    CHECK(numbers(host, Part::value) == numbers(device, Part::value));

    const auto before = numbers(host, Part::value);
    Adam on_host({.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.1}), on_device(on_host.config());
    on_host.step(host);
    on_device.step(device);
    check_close(numbers(host, Part::value), numbers(device, Part::value), bound);
    CHECK(numbers(host, Part::value) != before);
  }
}

TEMPLATE_TEST_CASE("CUDA: a step of Linear equals that of a sequence, and agrees with the CPU", "", float, double) {
  if (!gpu_available()) return;
  constexpr double bound = 2 * (D + 2) * std::numeric_limits<TestType>::epsilon();
  Rng rng(3), same(3);
  const Linear<TestType> host(D, K, rng);
  Linear<TestType, Cuda> device(D, K, same);
  const auto x = random_sequence<TestType>(D, B, 1, rng);
  DeviceMatrix<TestType> y(K, B, 2);
  device.step(to<Cuda>(x).at(0), y.view());
  Matrix<TestType> wanted(K, B);
  host.step(x.at(0), wanted.view());
  const auto got = y.get();
  check_close({wanted.values.begin(), wanted.values.end()}, {got.values.begin(), got.values.end()}, bound);
}

TEST_CASE("CUDA: copy_weights copies between devices in both directions and rejects another shape") {
  if (!gpu_available()) return;
  Rng rng(4);
  Linear<double> host(D, K, rng);
  Linear<float, Cuda> device(D, K, rng);
  Linear<double> back(D, K, rng);
  const auto values = [](auto& layer) { return numbers(layer, Part::value); };
  CHECK(values(host) != values(device));
  copy_weights(host, device);
  copy_weights(device, back);
  auto rounded = values(host);
  for (double& x : rounded) x = static_cast<float>(x);
  CHECK(values(device) == rounded);
  CHECK(values(back) == rounded);
  Linear<float, Cuda> wider(D, K + 1, rng);
  CHECK_THROWS_AS(copy_weights(host, wider), shape_error);
}

TEMPLATE_TEST_CASE("CUDA: passes and updates of a conditioned token model agree with the CPU", "", float, double) {
  if (!gpu_available()) return;
  // Sums of up to K B T = 204 terms in different orders, through T steps of two layers, forward and backward.
  constexpr double bound = 2000 * std::numeric_limits<TestType>::epsilon();
  const TokenModelConfig config{
      .vocabulary = 30, .conditions = 10, .ids_per_step = 4, .embedding = 9, .hidden = 17, .layers = 2};
  Rng rng(3);
  std::vector<std::int32_t> ids, targets;
  for (Index step = 0; step < B * T; ++step) {
    ids.push_back(static_cast<std::int32_t>(rng.below(30)));
    for (int k = 1; k < 4; ++k)
      ids.push_back(rng.below(3) == 0 ? kNoToken : static_cast<std::int32_t>(30 + rng.below(10)));
    targets.push_back(static_cast<std::int32_t>(rng.below(30)));
  }
  const auto learn = [&]<class Device>(Device) {
    Rng weights(4);
    TokenModel<TestType, Device> model(config, weights);
    model.for_each_parameter([&](const Path&, Parameter<TestType, Device>& p) {
      set_from_host(Device{}, p.value(), [&](auto values) { initialise_normal(values, 0.3, weights); });
    });
    zero_grad(model);
    typename TokenModel<TestType, Device>::Cache cache;
    auto state = model.zero_state(B);
    const double loss = model.forward_backward(ids, targets, B, T, state, cache, Inference{}).mean();
    return std::pair(loss, numbers(model, Part::gradient));
  };
  const auto [loss, gradients] = learn(Cpu{});
  const auto [loss_there, gradients_there] = learn(Cuda{});
  CHECK(loss == Approx(loss_there).epsilon(bound));
  check_close(gradients, gradients_there, bound);
}

// SPDX-License-Identifier: MIT
// The whole stack: embedding, LSTM, dropout, linear, loss, optimiser.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <rondo/cpu/eigen.hpp>
#include <rondo/layers/gru.hpp>
#include <rondo/layers/inference_token_model.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

#include "cpu/levels.hpp"
#include "support/catch.hpp"
#include "support/fill.hpp"
#include "support/gradients.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

std::vector<std::int32_t> random_tokens(Index count, Index V, Rng& rng) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(V)));
  return tokens;
}

/// Steps of one token and conditions: the first condition always, the others every second time.
std::vector<std::int32_t> random_bags(Index steps, const TokenModelConfig& config, Rng& rng) {
  std::vector<std::int32_t> ids;
  for (Index step = 0; step < steps; ++step) {
    ids.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(config.vocabulary))));
    for (Index k = 1; k < config.ids_per_step; ++k) {
      const auto condition = static_cast<std::int32_t>(rng.below(static_cast<std::uint32_t>(config.conditions)));
      ids.push_back(k > 1 && rng.below(2) == 0 ? kNoToken : static_cast<std::int32_t>(config.vocabulary) + condition);
    }
  }
  return ids;
}

template <class Scalar>
LstmState<Scalar> nonzero_state(const TokenModel<Scalar>& model, Index B, Rng& rng) {
  auto state = model.zero_state(B);
  initialise_uniform(state.h.flat(), 0.9, rng);
  initialise_normal(state.c.flat(), 1, rng);
  return state;
}

}  // namespace

TEST_CASE("gradients of the token model, with and without dropout, with masked targets") {
  const double p = GENERATE(0.0, 0.3);
  const Index V = 7, B = 3, T = 5;
  Rng rng(1);
  TokenModel<double> model({.vocabulary = V, .embedding = 4, .hidden = 5, .layers = 2, .dropout = p}, rng);
  randomise(model, rng);
  const auto tokens = random_tokens(B * T, V, rng);
  auto targets = random_tokens(B * T, V, rng);
  targets[4] = targets[9] = kIgnoreIndex;
  const auto initial = nonzero_state(model, B, rng);

  TokenModel<double>::Cache cache;
  auto state = initial;
  Rng masks(2);
  const Loss loss = model.forward_backward(tokens, targets, B, T, state, cache, Training{masks});
  CHECK(loss.count == B * T - 2);
  TokenModel<double>::Cache other;
  check_parameter_gradients(model, [&] {
    auto s = initial;
    Rng same(2);
    return softmax_cross_entropy<double>(model.forward(tokens, B, T, s, other, Training{same}), targets, nullptr)
        .mean();
  });
}

TEST_CASE("a mask is added to the logits, and the gradients are those of the masked loss") {
  const Index V = 7, B = 3, T = 4;
  Rng rng(5);
  TokenModel<double> model({.vocabulary = V, .embedding = 4, .hidden = 5, .layers = 2}, rng);
  randomise(model, rng);
  const auto tokens = random_tokens(B * T, V, rng), targets = random_tokens(B * T, V, rng);
  const auto initial = nonzero_state(model, B, rng);
  std::vector<std::uint8_t> masked;
  for (Index n = 0; n < V * B * T; ++n) masked.push_back(static_cast<std::uint8_t>(rng.below(2)));
  const LogitMask mask{masked, -1.5};

  TokenModel<double>::Cache cache, other;
  auto state = initial;
  model.forward_backward(tokens, targets, B, T, state, cache, Inference{}, {}, mask);
  const auto loss = [&] {  // of logits to which the mask is added here
    auto s = initial;
    Sequence<double> logits = model.forward(tokens, B, T, s, other, Inference{});
    for (Index n = 0; n < V * B * T; ++n)
      if (masked[static_cast<std::size_t>(n)] != 0) logits.data()[n] -= 1.5;
    return softmax_cross_entropy<double>(logits, targets, nullptr).mean();
  };
  check_parameter_gradients(model, loss);
  auto s = initial;
  TokenModel<double>::Cache masked_cache;
  CHECK(softmax_cross_entropy<double>(model.forward(tokens, B, T, s, masked_cache, Inference{}, mask), targets, nullptr)
            .mean() == Approx(loss()).epsilon(1e-14));
  CHECK_THROWS_WITH(model.forward(tokens, B, T, s, other, Inference{}, {std::span(masked).first(3), -1.5}),
                    "TokenModel::forward: the mask has 3 values for V x B x T = 7 x 3 x 4");
}

TEST_CASE("streaming the token model agrees with one pass") {
  const Index V = 9, B = 2, T = 6;
  Rng rng(3);
  TokenModel<double> model({.vocabulary = V, .embedding = 4, .hidden = 5, .layers = 2, .dropout = 0.5}, rng);
  const auto tokens = random_tokens(B * T, V, rng);
  auto state = nonzero_state(model, B, rng), streamed = state;
  TokenModel<double>::Cache cache;
  TokenModel<double>::Scratch scratch;
  const auto& logits = model.forward(tokens, B, T, state, cache, Inference{});  // no generator: no dropout
  for (Index t = 0; t < T; ++t) {
    const auto step = model.step(std::span(tokens).subspan(std::size_t(t * B), std::size_t(B)), streamed, scratch);
    CHECK((matrix(step) - matrix(logits.at(t))).cwiseAbs().maxCoeff() < 1e-13);
  }
  CHECK(matrix(logits.flat()).norm() > 0.1);
}

TEST_CASE("gradients of a conditioned token model, with and without dropout") {
  const double p = GENERATE(0.0, 0.3);
  const Index V = 7, B = 3, T = 5;
  Rng rng(4);
  TokenModel<double> model(
      {.vocabulary = V, .conditions = 5, .ids_per_step = 4, .embedding = 4, .hidden = 5, .layers = 2, .dropout = p},
      rng);
  randomise(model, rng);
  const auto ids = random_bags(B * T, model.config(), rng);
  const auto targets = random_tokens(B * T, V, rng);
  const auto initial = nonzero_state(model, B, rng);

  TokenModel<double>::Cache cache, other;
  auto state = initial;
  Rng masks(2);
  CHECK(model.forward_backward(ids, targets, B, T, state, cache, Training{masks}).count == B * T);
  CHECK(cache.logits.features() == V);  // conditions are inputs and not predicted
  check_parameter_gradients(model, [&] {
    auto s = initial;
    Rng same(2);
    return softmax_cross_entropy<double>(model.forward(ids, B, T, s, other, Training{same}), targets, nullptr).mean();
  });
  model.for_each_parameter([&](const Path& path, auto& weight) {
    if (path.text() != "embedding.weight") return;
    REQUIRE(weight.cols() == V + 5);
    for (Index id = 0; id < V + 5; ++id) {  // only the columns of ids in the input have gradients
      INFO("id " << id);
      const bool in_input = std::find(ids.begin(), ids.end(), static_cast<std::int32_t>(id)) != ids.end();
      CHECK((matrix(weight.grad()).col(id).norm() > 1e-4) == in_input);
    }
  });
}

TEST_CASE("embeddings of conditions start at zero: a new model gives the same logits without them") {
  const Index V = 9, B = 2, T = 6;
  Rng rng(5);
  TokenModel<double> model({.vocabulary = V, .conditions = 30, .ids_per_step = 5, .embedding = 4, .hidden = 5}, rng);
  auto ids = random_bags(B * T, model.config(), rng);
  TokenModel<double>::Cache cache;
  auto state = model.zero_state(B);
  const Sequence<double> conditioned = model.forward(ids, B, T, state, cache, Inference{});
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (i % 5 != 0) ids[i] = kNoToken;
  state = model.zero_state(B);
  const Sequence<double>& unconditioned = model.forward(ids, B, T, state, cache, Inference{});
  CHECK((matrix(conditioned.flat()) - matrix(unconditioned.flat())).cwiseAbs().maxCoeff() == 0);
  model.for_each_parameter([&](const Path& path, auto& weight) {
    if (path.text() == "embedding.weight") CHECK(matrix(weight.value().columns(0, V)).norm() > 1);
  });
}

TEMPLATE_TEST_CASE("streaming a conditioned token model agrees with one pass", "", float, double) {
  using Scalar = TestType;
  const LevelGuard guard;
  for (CpuLevel level : levels())
    for (const auto& [V, B, T] : {std::array<Index, 3>{9, 4, 6}, {60, 2, 6}}) {  // float: by table, by look-up
      set_cpu_level(level);
      INFO("level " << name(level) << ", V " << V);
      Rng rng(6);
      TokenModel<Scalar> model({.vocabulary = V, .conditions = 8, .ids_per_step = 4, .embedding = 6, .hidden = 21},
                               rng);
      randomise(model, rng);
      const auto ids = random_bags(B * T, model.config(), rng);
      auto state = nonzero_state(model, B, rng), streamed = state;
      typename TokenModel<Scalar>::Cache cache;
      typename TokenModel<Scalar>::Scratch scratch;
      const auto& logits = model.forward(ids, B, T, state, cache, Inference{});
      // sums of up to 21 terms of order one in different orders, six steps, two layers; weights of deviation 1/2
      // amplify
      const double bound = 4000 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
      for (Index t = 0; t < T; ++t) {
        const auto step =
            model.step(std::span(ids).subspan(std::size_t(t * B * 4), std::size_t(B * 4)), streamed, scratch);
        CHECK(static_cast<double>((matrix(step) - matrix(logits.at(t))).cwiseAbs().maxCoeff()) < bound);
      }
      CHECK(matrix(logits.flat()).norm() > Scalar(0.1));
    }
}

TEST_CASE("two training runs are bit-identical with the same seed and differ with another") {
  const auto train = [](std::uint64_t seed) {
    const Index V = 40, B = 5, T = 12;
    Rng rng(seed), dropout(seed, 1), data(99);
    TokenModel<float> model({.vocabulary = V, .embedding = 16, .hidden = 24, .layers = 2, .dropout = 0.2}, rng);
    Adam adam({.learning_rate = 1e-2, .weight_decay = 1e-2});
    TokenModel<float>::Cache cache;
    auto state = model.zero_state(B);
    std::vector<double> losses;
    for (int step = 0; step < 6; ++step) {
      const auto tokens = random_tokens(B * T, V, data), targets = random_tokens(B * T, V, data);
      zero_grad(model);
      losses.push_back(model.forward_backward(tokens, targets, B, T, state, cache, Training{dropout}).mean());
      clip_grad_norm(model, 0.5);
      adam.step(model);
    }
    std::vector<float> weights;
    model.for_each_parameter(
        [&](const Path&, auto& p) { weights.insert(weights.end(), p.value().data, p.value().data + p.size()); });
    return std::pair(losses, weights);
  };
  const auto [losses, weights] = train(5);
  const auto [losses_again, weights_again] = train(5);
  CHECK(std::memcmp(losses.data(), losses_again.data(), losses.size() * sizeof(double)) == 0);
  CHECK(std::memcmp(weights.data(), weights_again.data(), weights.size() * sizeof(float)) == 0);
  CHECK(train(6).first != losses);
}

TEMPLATE_TEST_CASE(
    "a token model of any cell: backward from any gradient of the logits; inference gives the same logits", "",
    LstmCell, GruCell, PeepholeLstmCell) {
  const Index V = 9, B = 3, T = 5;
  Rng rng(8), masks(9);
  using Model = TokenModel<double, Cpu, TestType>;
  Model model({.vocabulary = V, .embedding = 6, .hidden = 7, .layers = 2, .dropout = 0.3}, rng);
  randomise(model, rng);
  const auto tokens = random_tokens(B * T, V, rng);
  const auto initial = model.zero_state(B);
  const auto d_logits = random_sequence<double>(V, B, T, rng);
  typename Model::Cache cache;
  const auto loss = [&] {  // a loss outside the model: <d_logits, logits>
    auto state = initial;
    Rng same = masks;
    return matrix(d_logits.flat())
        .cwiseProduct(matrix(model.forward(tokens, B, T, state, cache, Training{same}).flat()))
        .sum();
  };
  loss();
  zero_grad(model);
  model.backward(tokens, d_logits, cache);
  check_parameter_gradients(model, loss);

  TokenModel<float, Cpu, TestType> small({.vocabulary = V, .embedding = 6, .hidden = 7, .layers = 2}, rng);
  randomise(small, rng);
  typename TokenModel<float, Cpu, TestType>::Cache small_cache;
  auto state = small.zero_state(B), fast_state = state;
  const auto& logits = small.forward(tokens, B, T, state, small_cache, Inference{});
  const InferenceTokenModel<float, Cpu, TestType> fast(small);
  typename InferenceTokenModel<float, Cpu, TestType>::Workspace work;
  const auto& fast_logits = fast.forward(tokens, B, T, fast_state, work);
  // different orders of sums of about 20 terms over five steps
  CHECK((matrix(logits.flat()) - matrix(fast_logits.flat())).cwiseAbs().maxCoeff() < 200 * 0x1p-24f);
  CHECK((matrix(state.h.flat()) - matrix(fast_state.h.flat())).cwiseAbs().maxCoeff() < 50 * 0x1p-24f);
  CHECK(matrix(logits.flat()).norm() > 0.1f);
}

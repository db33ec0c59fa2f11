// SPDX-License-Identifier: MIT
// The whole stack: embedding, LSTM, dropout, linear, loss, optimiser.
#include <cstdint>
#include <cstring>
#include <vector>

#include <rondo/layers/token_model.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/clip.hpp>

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

LstmState<double> state_away_from_zero(const TokenModel<double>& model, Index B, Rng& rng) {
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
  targets[4] = targets[9] = kIgnore;
  const auto initial = state_away_from_zero(model, B, rng);

  TokenModel<double>::Cache cache;
  auto state = initial;
  Rng masks(2);
  const Loss loss = model.forward_backward(tokens, targets, B, T, state, cache, &masks);
  CHECK(loss.count == B * T - 2);
  TokenModel<double>::Cache other;
  check_parameter_gradients(model, [&] {
    auto s = initial;
    Rng same(2);
    return softmax_cross_entropy<double>(model.forward(tokens, B, T, s, other, &same), targets, nullptr).mean();
  });
}

TEST_CASE("the token model streams what it computes in one pass") {
  const Index V = 9, B = 2, T = 6;
  Rng rng(3);
  TokenModel<double> model({.vocabulary = V, .embedding = 4, .hidden = 5, .layers = 2, .dropout = 0.5}, rng);
  const auto tokens = random_tokens(B * T, V, rng);
  auto state = state_away_from_zero(model, B, rng), streamed = state;
  TokenModel<double>::Cache cache;
  TokenModel<double>::Scratch scratch;
  const auto& logits = model.forward(tokens, B, T, state, cache);  // no generator: nothing is dropped
  for (Index t = 0; t < T; ++t) {
    const auto step = model.step(std::span(tokens).subspan(std::size_t(t * B), std::size_t(B)), streamed, scratch);
    CHECK((matrix(step) - matrix(logits.at(t))).cwiseAbs().maxCoeff() < 1e-13);
  }
  CHECK(matrix(logits.flat()).norm() > 0.1);
}

TEST_CASE("two trainings with one seed give the same bits, with another seed they do not") {
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
      losses.push_back(model.forward_backward(tokens, targets, B, T, state, cache, &dropout).mean());
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

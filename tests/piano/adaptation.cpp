// SPDX-License-Identifier: MIT
// Dynamic evaluation: what a model that goes on learning predicts.
#include "piano/adaptation/adaptive_model.hpp"
#include "piano/adaptation/tune.hpp"
#include "support/catch.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/optim/clip.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace {

namespace music = rondo::music;
using piano::AdaptationSettings;
using piano::AdaptiveModel;

/// A broken chord that is repeated, which is easy to learn.
music::Piece broken_chord(int lowest, int notes) {
  std::vector<music::Note> all;
  for (int i = 0; i < notes; ++i) {
    const double start = 0.2 * i;
    all.push_back({.start = {start},
                   .end = {start + 0.15},
                   .pitch = static_cast<std::uint8_t>(lowest + (i % 3) * 4),
                   .velocity = 64});
  }
  return {.name = "chord", .performance = music::make_performance(std::move(all))};
}

rondo::TokenModel<float> model(double dropout = 0) {
  rondo::Rng rng(3);
  return rondo::TokenModel<float>(
      {.vocabulary = music::kVocabulary, .embedding = 12, .hidden = 16, .layers = 2, .dropout = dropout}, rng);
}

TEST_CASE("A model that does not learn has the likelihood of plain evaluation") {
  const auto trained = model(0.4);  // dropout has no effect
  const std::vector<music::Piece> pieces{broken_chord(60, 100), broken_chord(48, 37)};
  const double plain = piano::evaluate(trained, pieces, {}).per_token();
  for (const AdaptationSettings& s : {AdaptationSettings{.learning_rate = 0, .pull = 0},
                                      {.learning_rate = 1e-2, .pull = 1},
                                      {.window = 7, .learning_rate = 0}}) {
    const auto adapted = piano::evaluate_adaptive(trained, s, pieces, {});
    CHECK(adapted.total_tokens() == piano::evaluate(trained, pieces, {}).total_tokens());
    CHECK(adapted.per_token() == Approx(plain).epsilon(1e-6));
  }
}

TEST_CASE("A model that learns predicts a repeated figure better, and starts again with each piece") {
  const auto trained = model();
  const std::vector<music::Piece> pieces{broken_chord(60, 300), broken_chord(48, 300)};
  const AdaptationSettings settings{.learning_rate = 1e-2, .pull = 0};
  const auto adapted = piano::evaluate_adaptive(trained, settings, pieces, {});
  CHECK(adapted.per_token() < 0.6 * piano::evaluate(trained, pieces, {}).per_token());
  double alone = 0;
  for (const music::Piece& piece : pieces) {
    AdaptiveModel fresh(trained, settings);
    alone += fresh.read(piece, {}).total_nats();
  }
  CHECK(adapted.total_nats() == alone);

  AdaptiveModel twice(trained, settings);
  const double first = twice.read(pieces[0], {}).total_nats();
  CHECK(twice.read(pieces[0], {}).total_nats() < first);  // what was learned is kept ...
  twice.reset();
  CHECK(twice.read(pieces[0], {}).total_nats() == first);  // ... until reset
}

TEST_CASE("A window is predicted before it is learned from, and one step is Adam's with a pull") {
  const auto trained = model();
  const music::Piece piece = broken_chord(60, 40);
  const AdaptationSettings settings{.window = 32, .learning_rate = 1e-3, .pull = 0.25};
  AdaptiveModel adaptive(trained, settings);
  const auto read = adaptive.read(piece, {}, false, 1);
  REQUIRE(read.total_tokens() == 32);

  // The same by hand: one forward and backward pass; Adam's first step without a first moment is the learning rate
  // times g / (|g| + epsilon).
  auto by_hand = trained;
  auto state = by_hand.zero_state(1);
  rondo::TokenModel<float>::Cache cache;
  rondo::Rng rng(1);
  const auto tokens = music::tokens_of(piece);
  const std::span<const music::Token> all(tokens);
  rondo::zero_grad(by_hand);
  const auto loss =
      by_hand.forward_backward(all.subspan(0, 32), all.subspan(1, 32), 1, 32, state, cache, rondo::Training{rng});
  CHECK(read.per_token() == Approx(loss.mean()).epsilon(1e-6));
  rondo::clip_grad_norm(by_hand, 1);
  std::vector<float> expected;
  by_hand.for_each_parameter([&](const rondo::Path&, rondo::Parameter<float>& p) {
    for (rondo::Index i = 0; i < p.size(); ++i) {
      const double g = p.grad().data[i];
      expected.push_back(p.value().data[i] - static_cast<float>(0.75 * 1e-3 * g / (std::abs(g) + 1e-8)));
    }
  });
  std::size_t at = 0;
  adaptive.model().for_each_parameter([&](const rondo::Path&, const rondo::Parameter<float>& p) {
    for (rondo::Index i = 0; i < p.size(); ++i) REQUIRE(std::abs(p.value().data[i] - expected[at++]) < 1e-6f);
  });
}

TEST_CASE("Only the targets of a window are learned from; without any, the state advances and no weight changes") {
  const auto trained = model();
  const auto tokens = music::tokens_of(broken_chord(60, 40));
  const std::span<const music::Token> all(tokens);
  const auto weights = [](const AdaptiveModel& from) {
    std::vector<float> values;
    from.model().for_each_parameter([&](const rondo::Path&, const rondo::Parameter<float>& p) {
      values.insert(values.end(), p.value().data, p.value().data + p.size());
    });
    return values;
  };
  const std::vector<music::Token> none(16, rondo::kIgnoreIndex);
  AdaptiveModel adaptive(trained, {.learning_rate = 1e-2, .pull = 0});
  const auto before = weights(adaptive);
  auto state = trained.zero_state(1), expected = trained.zero_state(1);
  piano::Likelihood likelihood;
  adaptive.read(all.subspan(0, 16), none, {}, state, likelihood);
  CHECK(weights(adaptive) == before);
  CHECK(likelihood.total_tokens() == 0);
  rondo::TokenModel<float>::Cache cache;
  trained.forward(all.subspan(0, 16), 1, 16, expected, cache, rondo::Inference{});
  CHECK(state.h.at(1)(0, 0) == expected.h.at(1)(0, 0));
  CHECK(state.h.at(1)(0, 0) != 0);

  // One target: its bias rises, as it is the only one that is learned from.
  std::vector<music::Token> one = none;
  one[7] = 100;
  adaptive.read(all.subspan(16, 16), one, {}, state, likelihood);
  CHECK(likelihood.total_tokens() == 1);
  const auto after = weights(adaptive);
  const std::size_t bias = after.size() - music::kVocabulary;  // the last parameter is the bias of the output
  for (std::size_t v = 0; v < music::kVocabulary; ++v)
    CHECK((v == 100 ? after[bias + v] > before[bias + v] : after[bias + v] < before[bias + v]));
}

TEST_CASE("Settings are tuned on the given pieces; too few tokens leave the defaults") {
  const auto trained = model();
  const std::vector<music::Piece> pieces{broken_chord(60, 300), broken_chord(48, 300)};
  const AdaptationSettings tuned = piano::tune_adaptation(trained, pieces, {}, 2000);
  CHECK(tuned.learning_rate == 2e-3);  // an untrained model learns best with the largest rate
  CHECK(tuned.pull == 0);
  const AdaptationSettings defaults;
  const AdaptationSettings few = piano::tune_adaptation(trained, pieces, {}, piano::kFewestTuningTokens - 1);
  CHECK(few.learning_rate == defaults.learning_rate);
  CHECK(few.pull == defaults.pull);
}

}  // namespace

// SPDX-License-Identifier: MIT
// Models whose predictions are under the grammar: evaluation, adaptation and sampling have the same probabilities.
#include "piano/adaptation/tune.hpp"
#include "piano/evaluation/evaluate.hpp"
#include "piano/random_models.hpp"
#include "support/catch.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/grammar.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

using namespace rondo_test;

namespace {

const music::InputSpec kUnderGrammar{music::kVocabulary, {.active_notes = true}, true};

/// -ln of the probability of each token but the first, given all before it, among the tokens that the grammar allows.
double nats_by_definition(const rondo::TokenModel<float>& model, std::span<const music::Token> tokens) {
  auto state = model.zero_state(1);
  rondo::TokenModel<float>::Scratch scratch;
  std::vector<music::Token> ids(static_cast<std::size_t>(kUnderGrammar.conditions.ids_per_step()));
  music::ActiveNotes active;
  music::Grammar grammar(music::GrammarLimits::none(false));
  double nats = 0;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    active.feed(tokens[i]);
    grammar.feed(tokens[i]);
    music::write_step(kUnderGrammar.conditions, music::kVocabulary, tokens[i], {}, active, {}, ids);
    const auto z = model.step(ids, state, scratch);
    double total = 0;
    for (music::Token token = 0; token < music::kVocabulary; ++token)
      if (grammar.allows(token)) total += std::exp(static_cast<double>(z(token, 0)));
    REQUIRE(grammar.allows(tokens[i + 1]));
    nats += std::log(total) - z(tokens[i + 1], 0);
  }
  return nats;
}

}  // namespace

TEST_CASE("Under the grammar, evaluation and adaptation compute the likelihood among the allowed tokens") {
  const auto model = random_model(kUnderGrammar, 1);
  const std::vector<music::Piece> pieces{{"a", random_primer(1, 20).performance},
                                         {"b", random_primer(2, 9).performance}};
  double nats = 0;
  for (const music::Piece& piece : pieces) nats += nats_by_definition(model, music::tokens_of(piece));
  REQUIRE(nats > 1000);
  CHECK(piano::evaluate(model, pieces, kUnderGrammar).total_nats() == Approx(nats).epsilon(1e-5));
  CHECK(piano::evaluate_adaptive(model, {.learning_rate = 0, .pull = 0}, pieces, kUnderGrammar).total_nats() ==
        Approx(nats).epsilon(1e-5));
  auto without = kUnderGrammar;
  without.grammar = false;
  CHECK(piano::evaluate(model, pieces, without).total_nats() > 1.05 * nats);
}

TEST_CASE("Under the grammar, a sampled token has its probability among the allowed tokens") {
  auto model = random_model(kUnderGrammar, 1);
  // All logits are equal, so that the probability of a token says how many compete.
  model.for_each_parameter([](const rondo::Path&, auto& p) { fill(rondo::Cpu{}, p.value(), 0.0f); });
  const auto all = play(model, kUnderGrammar, {.plan = piano::free_play(30), .sampling = {}, .seed = 5});
  REQUIRE(all.piece.sampled > 100);
  music::Grammar grammar(music::GrammarLimits::none(false));
  double nats = 0;
  for (std::size_t i = 0; i < all.piece.sampled; ++i) {
    grammar.feed(all.tokens[i]);
    double competing = 0;
    for (const std::uint8_t allowed : grammar.allowed()) competing += allowed;
    nats += std::log(competing);
  }
  CHECK(all.piece.nats == Approx(nats).epsilon(1e-5));
}

TEST_CASE("Under the grammar, keys that are up take no part in the probability of note-offs") {
  auto model = random_model(kUnderGrammar, 1);
  model.for_each_parameter([](const rondo::Path&, auto& p) { fill(rondo::Cpu{}, p.value(), 0.0f); });
  const auto polyphony = [&](const music::InputSpec& input_spec) {
    music::ActiveNotes active;
    double sum = 0;
    const auto tokens = play(model, input_spec, {.plan = piano::free_play(60), .sampling = {}, .seed = 5}).tokens;
    for (const music::Token token : tokens) {
      active.feed(token);
      for (int pitch = 0; pitch < music::kPitches; ++pitch) sum += active.key(pitch);
    }
    return sum / static_cast<double>(tokens.size());
  };
  auto without = kUnderGrammar;
  without.grammar = false;  // there the probability of all 128 note-offs is given to the keys that are down
  CHECK(polyphony(kUnderGrammar) > 1.2 * polyphony(without));
}

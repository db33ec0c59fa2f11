// SPDX-License-Identifier: MIT
// Random models and random primers for these tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rondo/layers/token_model.hpp>
#include <rondo/music/tokens.hpp>

#include "piano/data/primer.hpp"
#include "piano/generation/stream.hpp"
#include "support/fill.hpp"

namespace rondo_test {

namespace music = rondo::music;

inline constexpr music::Token kOpening = music::velocity(16);

inline constexpr music::InputSpec kPlain{}, kPedal{music::kVocabularyWithPedal, {}};
/// As the models of the pages have it: a condition that is set, one that follows from the tokens, and the grammar.
inline constexpr music::InputSpec kPageSpec{music::kVocabulary, {.key = true, .active_notes = true}, /*grammar=*/true};

/// An untrained model with large weights: its predictions are uneven and depend on the seed.
inline rondo::TokenModel<float> random_model(const music::InputSpec& input_spec, std::uint64_t seed) {
  rondo::Rng rng(seed);
  rondo::TokenModel<float> model({.vocabulary = input_spec.vocabulary,
                                  .conditions = input_spec.conditions.ids(),
                                  .ids_per_step = input_spec.conditions.ids_per_step(),
                                  .embedding = 12,
                                  .hidden = 24,
                                  .layers = 1},
                                 rng);
  randomise(model, rng);
  return model;
}

/// Chords, runs and short rests; some notes are longer than the grammar allows. With pedal changes if `pedal`.
inline piano::Primer random_primer(unsigned seed, double seconds, bool pedal = false) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  std::vector<music::Note> notes;
  std::vector<music::ControlChange> controls;
  for (double now = 0; now < seconds + 1; now += 0.0173 * below(3) * below(10)) {
    const double longest = below(10) == 0 ? 9 : 0.8;
    notes.push_back({.start = {now},
                     .end = {now + longest * (1 + below(100)) / 100},
                     .pitch = static_cast<std::uint8_t>(40 + below(45)),
                     .velocity = static_cast<std::uint8_t>(1 + below(127))});
    if (pedal && below(4) == 0) controls.push_back({.time = {now}, .value = static_cast<std::uint8_t>(below(2) * 127)});
  }
  return piano::primer_of(music::make_performance(std::move(notes), std::move(controls)), seconds);
}

/// The inputs and outputs of one stream, token by token.
struct Played {
  std::vector<music::Token> tokens;
  std::vector<std::vector<music::Token>> inputs;  // the ids of each step
  std::vector<std::vector<float>> logits;         // of each step
  piano::GeneratedPiece piece;
};

inline Played play(const rondo::TokenModel<float>& model, const music::InputSpec& input_spec,
                   const piano::Request& request) {
  constexpr music::Token kNothing = music::note_on(0);  // the token past the end; below the piano's keys
  Played all;
  piano::Stream stream(request, input_spec, kOpening);
  auto state = model.zero_state(1);
  rondo::TokenModel<float>::Scratch scratch;
  std::vector<music::Token> ids(static_cast<std::size_t>(input_spec.conditions.ids_per_step()));
  for (std::size_t t = 0;; ++t) {
    stream.next_input(t, ids);
    if (stream.done() && ids[0] == kNothing) break;
    all.tokens.push_back(ids[0]);
    all.inputs.push_back(ids);
    const auto z = model.step(ids, state, scratch);
    all.logits.emplace_back(z.data, z.data + z.rows);
    stream.set_logits(t, all.logits.back());
  }
  all.piece = stream.result();
  return all;
}

}  // namespace rondo_test

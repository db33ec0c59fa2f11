// SPDX-License-Identifier: MIT
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/token_features.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
using rondo::test::random_performance;

namespace {

const InputSpec kUnderGrammar{kVocabulary, {}, true};

Performance notes_only(unsigned seed) {
  Performance performance = random_performance(seed, 150);
  performance.controls.clear();
  for (Note& note : performance.notes) note.velocity = static_cast<std::uint8_t>(40 + note.velocity / 3);
  return performance;
}

std::vector<std::uint8_t> flags(const Batch& batch, std::size_t place) {
  const auto all = std::span(batch.excluded).subspan(place * kVocabulary, kVocabulary);
  return {all.begin(), all.end()};
}

/// The tokens that are excluded after `tokens`, which are shifted, by a grammar that is given all of them. Pitches and
/// velocities to which none is shifted are excluded, too.
std::vector<std::uint8_t> excluded_after(std::span<const Token> tokens, TokenShift shift) {
  Grammar grammar(GrammarLimits::none(false));
  for (const Token token : tokens) grammar.feed(token);
  std::vector<std::uint8_t> excluded;
  for (const std::uint8_t allowed : grammar.allowed()) excluded.push_back(allowed == 0);
  const auto exclude_unreached = [&](Token first, int count, int by) {
    for (int n = 0; n < count; ++n)
      if (n - by < 0 || n - by >= count) excluded[static_cast<std::size_t>(first + n)] = 1;
  };
  exclude_unreached(kFirstNoteOn, kPitches, shift.semitones);
  exclude_unreached(kFirstNoteOff, kPitches, shift.semitones);
  exclude_unreached(kFirstVelocity, kVelocityBins, shift.velocity_bins);
  return excluded;
}

}  // namespace

TEST_CASE("The grammar without limits excludes no token that the encoder writes") {
  std::size_t overlaps = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    Performance performance = random_performance(seed, 150), other = random_performance(seed + 100, 150);
    performance.notes.insert(performance.notes.end(), other.notes.begin(), other.notes.end());  // a second voice
    for (Note& note : performance.notes) note.start *= 7.0, note.end *= 7.0;  // long notes and silences
    const bool pedal = seed % 2 == 1;
    if (!pedal) performance.controls.clear();
    const auto tokens = encode(performance, LeadIn::drop);
    Grammar grammar(GrammarLimits::none(pedal));
    ActiveNotes active;
    REQUIRE(tokens.size() > 200);
    for (const Token token : tokens) {
      INFO(name(token) << ", seed " << seed);
      REQUIRE(grammar.allows(token));
      const Event event = event_of(token);
      overlaps += event.kind == EventKind::note_on && active.key(event.value);
      grammar.feed(token);
      active.feed(token);
    }
  }
  CHECK(overlaps > 50);
}

TEST_CASE("A batch has the tokens that the grammar excludes, shifted as the stream, also after a jump") {
  const std::vector<Piece> pieces{{"a", notes_only(1)}};
  const int semitones = GENERATE(0, -2, 5), louder = GENERATE(0, 3);
  const Augmentation one_key{semitones, semitones, {1.0}, louder};
  std::vector<std::pair<TokenShift, std::vector<Token>>> variants;
  for (int bins = -louder; bins <= louder; ++bins) {
    auto tokens = tokens_of(pieces[0]);
    const TokenShift shift{semitones, bins};
    for (Token& token : tokens) token = shifted(token, shift);
    variants.emplace_back(shift, tokens);
  }
  Batches batches(pieces,
                  {.batch = 3, .steps = 12, .windows = 2, .augmentation = one_key, .input_spec = kUnderGrammar});
  struct Place {
    const std::pair<TokenShift, std::vector<Token>>* variant = nullptr;
    std::size_t at = 0;
  };
  std::vector<Place> places(3);
  std::set<int> drawn;
  int jumps = 0;
  for (int n = 0; n < 40; ++n) {
    const Batch& batch = batches.next();
    REQUIRE(batch.excluded.size() == 3u * 12u * kVocabulary);
    for (std::size_t b = 0; b < 3; ++b) {
      INFO("batch " << n << ", stream " << b);
      std::vector<Token> read;
      for (int t = 0; t < batch.lengths[b]; ++t) read.push_back(batch.inputs[static_cast<std::size_t>(t) * 3 + b]);
      read.push_back(batch.targets[static_cast<std::size_t>(batch.lengths[b] - 1) * 3 + b]);
      Place& place = places[b];
      if (batch.reset[b]) {
        place = {};
        int found_in = 0;
        for (const auto& variant : variants) {
          const auto& tokens = variant.second;
          const auto found = std::search(tokens.begin(), tokens.end(), read.begin(), read.end());
          if (found == tokens.end()) continue;
          // The place is unambiguous, or the reference could be that of another one.
          REQUIRE(std::search(found + 1, tokens.end(), read.begin(), read.end()) == tokens.end());
          ++found_in;
          place = {&variant, static_cast<std::size_t>(found - tokens.begin())};
        }
        REQUIRE(found_in > 0);
        jumps += place.at > 0;
        if (found_in > 1) place.variant = nullptr;  // a few tokens without a velocity, at the end of the piece
      }
      if (!place.variant) continue;
      for (int t = 0; t < batch.lengths[b]; ++t) {
        const auto column = static_cast<std::size_t>(t) * 3 + b;
        const auto& [shift, tokens] = *place.variant;
        REQUIRE(batch.inputs[column] == tokens[place.at]);
        ++place.at;
        INFO("step " << t);
        REQUIRE(flags(batch, column) == excluded_after(std::span(tokens).first(place.at), shift));
        REQUIRE(flags(batch, column)[static_cast<std::size_t>(batch.targets[column])] == 0);
        drawn.insert(shift.velocity_bins);
      }
    }
  }
  CHECK(jumps > 3);
  CHECK(drawn.size() >= (louder == 0 ? 1u : 4u));
}

TEST_CASE("A batch of an input without grammar excludes nothing") {
  const std::vector<Piece> pieces{{"a", notes_only(1)}};
  Batches batches(pieces, {.batch = 2, .steps = 4});
  CHECK(batches.next().excluded.empty());
}

TEST_CASE("Features of tokens: kind, pitch class, register; similar values share ranges") {
  const InputSpec spec{kVocabulary, {.key = true, .active_notes = true}};
  const TokenFeatures F(spec);
  REQUIRE(F.columns() == kVocabulary + spec.conditions.ids());
  const auto product = [&](Token a, Token b) {
    double sum = 0;
    for (int q = 0; q < F.rows(); ++q) sum += F.data()[a * F.rows() + q] * F.data()[b * F.rows() + q];
    return sum;
  };
  const Token active = kVocabulary + kKeys;  // of pitch 0
  for (const Token first : {kFirstNoteOn, kFirstNoteOff, active}) {
    CHECK(product(first + 60, first + 72) > product(first + 60, first + 73));  // pitch class
    CHECK(product(first + 60, first + 61) > product(first + 60, first + 85));  // register
    CHECK(product(first + 60, first + 127) == Approx(4).margin(0.01));         // only the kind, 2 x 2
  }
  CHECK(product(note_on(60), note_off(60)) == 0);
  CHECK(product(time_shift(50), time_shift(52)) > product(time_shift(50), time_shift(90)));
  CHECK(product(time_shift(3), time_shift(4)) < product(time_shift(70), time_shift(71)));  // ranges in proportion
  CHECK(product(velocity(10), velocity(11)) > product(velocity(10), velocity(20)));
  for (int key = 0; key < kKeys; ++key) CHECK(product(kVocabulary + key, kVocabulary + key) == 0);
  CHECK(product(active + kPitches, active + kPitches) == 0);  // the pedal
  for (int q = 0; q < F.rows(); ++q) {                        // no row is empty, none is twice
    double norm = 0;
    for (int id = 0; id < F.columns(); ++id) norm += F.data()[id * F.rows() + q];
    CHECK(norm > 0.6);
  }
}

// SPDX-License-Identifier: MIT
#include <rondo/music/grammar.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/tokens.hpp>

#include <map>
#include <random>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;

namespace {

Token pick(const Grammar& grammar, std::mt19937& random, int notes_first) {
  const auto allowed = grammar.allowed();
  std::vector<Token> candidates;
  for (std::size_t i = 0; i < allowed.size(); ++i)
    if (allowed[i]) candidates.push_back(static_cast<Token>(i));
  REQUIRE(!candidates.empty());
  // Prefers note-ons at times, so that many simultaneous notes and repeated notes occur.
  if (notes_first > 0) {
    std::vector<Token> ons;
    for (Token t : candidates)
      if (kind_of(t) == EventKind::note_on) ons.push_back(t);
    if (!ons.empty() && random() % 10 < static_cast<unsigned>(notes_first)) candidates = ons;
  }
  return candidates[random() % candidates.size()];
}

}  // namespace

TEST_CASE("Token sequences sampled with the mask are those that the encoder writes") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    GrammarLimits limits;
    limits.pedal = seed % 2 == 1;
    limits.longest_note = seed % 3 == 0 ? 30 : 500;
    limits.longest_silence = seed % 5 == 0 ? 7 : 400;
    limits.longest_pedal = 100;
    if (seed % 7 == 0) limits.lowest = 60, limits.highest = 60 + static_cast<int>(seed % 3);
    Grammar grammar(limits);
    REQUIRE(grammar.allowed().size() == (limits.pedal ? 390u : 388u));
    std::mt19937 random(seed);
    std::vector<Token> tokens;
    while (tokens.size() < 1500 || kind_of(tokens.back()) == EventKind::velocity) {
      tokens.push_back(pick(grammar, random, static_cast<int>(seed % 10)));
      grammar.feed(tokens.back());
    }
    for (Token token : grammar.finish()) tokens.push_back(token);
    CHECK(grammar.sounding() == 0);
    while (kind_of(tokens.back()) == EventKind::time_shift) tokens.pop_back();  // no effect at the end

    const Performance decoded = decode(tokens);
    REQUIRE((encode(decoded) == tokens));
    std::size_t ons = 0;
    for (Token token : tokens) ons += kind_of(token) == EventKind::note_on;
    REQUIRE(ons > 20);
    REQUIRE(decoded.notes.size() == ons);  // none without note-off, none of zero length
    std::map<int, midi::Seconds> free_from;
    for (const auto& n : decoded.notes) {
      const auto length = to_step(n.end) - to_step(n.start);
      REQUIRE(length >= 1);
      REQUIRE(length <= limits.longest_note);
      REQUIRE((n.pitch >= limits.lowest && n.pitch <= limits.highest));
      if (free_from.contains(n.pitch)) REQUIRE(n.start >= free_from[n.pitch]);
      free_from[n.pitch] = n.end;
    }
    std::int64_t quiet_from = 0;
    for (const auto& n : decoded.notes) {
      REQUIRE(to_step(n.start) - quiet_from <= limits.longest_silence);
      quiet_from = std::max(quiet_from, to_step(n.end));
    }
    midi::Seconds down{-1};
    for (const auto& change : decoded.controls) {
      if (change.value != 0)
        down = change.time;
      else
        REQUIRE(to_step(change.time) - to_step(down) <= limits.longest_pedal);
    }
  }
}

TEST_CASE("Token sequences of the encoder are allowed, within the limits") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    auto performance = rondo::test::random_performance(seed, 150);
    performance.controls = pedal_changes(performance);
    Grammar grammar({.longest_silence = 100000, .longest_pedal = 100000, .pedal = true});
    for (Token token : encode(performance)) {
      REQUIRE(grammar.allows(token));
      grammar.feed(token);
    }
    CHECK(grammar.sounding() == 0);
  }
}

TEST_CASE("The mask, case by case") {
  Grammar grammar;
  CHECK_FALSE(grammar.allows(note_on(60)));  // no velocity yet
  CHECK_FALSE(grammar.allows(note_off(60)));
  CHECK_FALSE(grammar.allows(kPedalDown));
  grammar.feed(velocity(15));
  CHECK(grammar.allows(note_on(60)));
  CHECK_FALSE(grammar.allows(note_on(20)));    // below the piano
  CHECK_FALSE(grammar.allows(velocity(16)));   // two in a row
  CHECK_FALSE(grammar.allows(time_shift(1)));  // velocity without a note
  grammar.feed(note_on(60));
  CHECK_FALSE(grammar.allows(note_on(60)));  // already active
  CHECK_FALSE(grammar.allows(note_on(59)));  // pitches of one step ascend
  CHECK(grammar.allows(note_on(61)));
  CHECK_FALSE(grammar.allows(note_off(60)));  // zero length
  CHECK_FALSE(grammar.allows(velocity(15)));  // no change
  CHECK(grammar.allows(velocity(16)));
  grammar.feed(time_shift(99));
  CHECK_FALSE(grammar.allows(time_shift(1)));  // after a shift of less than a second
  CHECK(grammar.allows(note_off(60)));
  grammar.feed(note_on(72));
  CHECK_FALSE(grammar.allows(note_off(60)));  // note-offs come before note-ons
  for (int i = 0; i < 4; ++i) grammar.feed(time_shift(100));
  CHECK(grammar.allows(time_shift(1)));  // the note of 4.99 s may last 10 ms longer
  CHECK_FALSE(grammar.allows(time_shift(2)));
  grammar.feed(time_shift(1));
  CHECK(grammar.allows(note_off(60)));        // it must end now
  CHECK_FALSE(grammar.allows(note_off(72)));  // later in the step
  CHECK_FALSE(grammar.allows(note_on(64)));
  grammar.feed(note_off(60));
  CHECK(grammar.allows(note_off(72)));
  CHECK(grammar.allows(note_on(60)));  // repeated immediately
  CHECK(grammar.steps() == 500);
  const std::vector<Token> end = {time_shift(50), note_off(72)};
  CHECK(grammar.finish() == end);
  CHECK(grammar.finish().empty());
}

TEST_CASE("The length of silence is limited") {
  Grammar grammar;
  grammar.feed(velocity(3));
  grammar.feed(note_on(50));
  grammar.feed(time_shift(10));
  grammar.feed(note_off(50));
  for (int i = 0; i < 4; ++i) {
    REQUIRE(grammar.allows(time_shift(100)));
    grammar.feed(time_shift(100));
  }
  CHECK_FALSE(grammar.allows(time_shift(1)));
  CHECK(grammar.allows(note_on(50)));
  CHECK(grammar.allows(velocity(4)));
}

TEST_CASE("A primer that violates the rules is accepted, and corrected first") {
  std::mt19937 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    Grammar grammar({.longest_pedal = 50, .pedal = true});
    std::vector<Token> noise(400);
    for (Token& token : noise) token = static_cast<Token>(random() % kVocabularyWithPedal);
    grammar.feed(noise);
    for (int i = 0; i < 3000; ++i) grammar.feed(pick(grammar, random, 0));
    grammar.finish();
    CHECK(grammar.sounding() == 0);
  }
  Grammar grammar;
  grammar.feed(std::vector<Token>{velocity(9), note_on(70), note_off(50)});  // a note-off without note, out of order
  CHECK_FALSE(grammar.allows(note_off(70)));                                 // still of zero length
  CHECK_THROWS_AS(Grammar().feed(Token{390}), std::out_of_range);
  CHECK_THROWS_AS(Grammar({.lowest = 70, .highest = 60}), std::invalid_argument);
  CHECK_THROWS_AS(Grammar({.longest_note = 0}), std::invalid_argument);
}

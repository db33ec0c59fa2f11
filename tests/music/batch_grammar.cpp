// SPDX-License-Identifier: MIT
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/token_features.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
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
  return performance;
}

std::vector<std::uint8_t> flags(const Batch& batch, std::size_t place) {
  const auto all = std::span(batch.excluded).subspan(place * kVocabulary, kVocabulary);
  return {all.begin(), all.end()};
}

/// The tokens that are excluded after `tokens`, by a grammar that is given all of them. Pitches to which no pitch is
/// transposed are excluded, too.
std::vector<std::uint8_t> excluded_after(std::span<const Token> tokens, int semitones) {
  Grammar grammar(GrammarLimits::none(false));
  for (const Token token : tokens) grammar.feed(token);
  std::vector<std::uint8_t> excluded;
  for (const std::uint8_t allowed : grammar.allowed()) excluded.push_back(allowed == 0);
  for (int pitch = 0; pitch < kPitches; ++pitch)
    if (pitch - semitones < 0 || pitch - semitones >= kPitches)
      for (const Token token : {note_on(pitch), note_off(pitch)}) excluded[static_cast<std::size_t>(token)] = 1;
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

TEST_CASE("A batch has the tokens that the grammar excludes, in the key of the stream, also after a jump") {
  const std::vector<Piece> pieces{{"a", notes_only(1)}};
  const auto original = tokens_of(pieces[0]);
  const int semitones = GENERATE(0, -2, 5);
  Augmentation one_key{semitones, semitones, {1.0}};
  auto tokens = original;
  transpose_tokens(tokens, semitones);
  Batches batches(pieces, {.batch = 3, .steps = 5, .windows = 2, .augmentation = one_key, .input_spec = kUnderGrammar});
  std::vector<std::size_t> at(3);
  int jumps = 0;
  for (int n = 0; n < 12; ++n) {
    const Batch& batch = batches.next();
    REQUIRE(batch.excluded.size() == 3u * 5u * kVocabulary);
    for (std::size_t b = 0; b < 3; ++b) {
      std::vector<Token> read;
      for (int t = 0; t < batch.lengths[b]; ++t) read.push_back(batch.inputs[static_cast<std::size_t>(t) * 3 + b]);
      read.push_back(batch.targets[static_cast<std::size_t>(batch.lengths[b] - 1) * 3 + b]);
      if (batch.reset[b]) {
        const auto found = std::search(tokens.begin(), tokens.end(), read.begin(), read.end());
        REQUIRE(found != tokens.end());
        // The place is unambiguous, or the reference could be that of another one.
        REQUIRE(std::search(found + 1, tokens.end(), read.begin(), read.end()) == tokens.end());
        at[b] = static_cast<std::size_t>(found - tokens.begin());
        jumps += at[b] > 0;
      }
      for (int t = 0; t < batch.lengths[b]; ++t) {
        const auto place = static_cast<std::size_t>(t) * 3 + b;
        ++at[b];
        INFO("batch " << n << ", stream " << b << ", step " << t);
        REQUIRE(flags(batch, place) == excluded_after(std::span(tokens).first(at[b]), semitones));
        REQUIRE(flags(batch, place)[static_cast<std::size_t>(batch.targets[place])] == 0);
      }
    }
  }
  CHECK(jumps > 3);
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

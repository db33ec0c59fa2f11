// SPDX-License-Identifier: MIT
#include <rondo/music/condition.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
using rondo::test::random_performance;

namespace {

/// Reference for condition_values_per_token: searches through all onsets at each token.
std::vector<ConditionValues> values_by_search(const std::vector<Token>& tokens) {
  std::vector<std::int64_t> after;  // time after each token, in steps
  std::vector<std::pair<std::int64_t, int>> onsets;
  std::int64_t now = 0;
  for (Token token : tokens) {
    const Event event = event_of(token);
    if (event.kind == EventKind::time_shift) now += event.value;
    if (event.kind == EventKind::note_on) onsets.emplace_back(now, event.value);
    after.push_back(now);
  }
  const auto density = [&](std::int64_t step) {
    int coming = 0;
    for (const auto& [onset, pitch] : onsets) coming += onset >= step && onset < step + 500;
    const double seconds = std::clamp(static_cast<double>(now - step) / 100, 1.0, 5.0);
    return density_bin(coming / seconds);
  };
  std::vector<ConditionValues> values;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::size_t j = i;  // the last second keeps the value from before it
    while (j > 0 && now - after[j] < 100) --j;
    std::array<double, 12> classes{};
    for (const auto& [onset, pitch] : onsets)
      if (onset >= after[i] - 1000 && onset < after[i] + 1000) classes[static_cast<std::size_t>(pitch % 12)] += 1;
    values.push_back({static_cast<std::int8_t>(density(after[j])), static_cast<std::int8_t>(find_key(classes))});
  }
  return values;
}

std::vector<Token> ids(const Conditions& conditions, int vocabulary, Token token, ConditionValues values,
                       const ActiveNotes& active, int semitones = 0) {
  std::vector<Token> to(static_cast<std::size_t>(conditions.ids_per_step()), 12345);
  write_step(conditions, vocabulary, token, values, active, {.semitones = semitones}, to);
  return to;
}

}  // namespace

TEST_CASE("Density bins are steps of the square root of two") {
  for (int bin = 0; bin < kDensityBins - 1; ++bin) {
    const double bound = std::pow(2.0, bin / 2.0);
    CHECK(density_bound(bin) == Approx(bound));
    CHECK(density_bin(bound * 0.9999) == bin);
    CHECK(density_bin(bound * 1.0001) == bin + 1);
  }
  CHECK(density_bin(0) == 0);
  CHECK(density_bin(1) == 0);
  CHECK(density_bin(1e9) == kDensityBins - 1);
}

TEST_CASE("Conditions by name, and the number of ids per step") {
  const Conditions all = Conditions::named(std::vector<std::string>{"active-notes", "key", "notes-per-second"});
  CHECK(all.names() == std::vector<std::string>{"notes-per-second", "key", "active-notes"});
  CHECK(all.ids() == 12 + 24 + 129);
  CHECK(all.ids_per_step() == 1 + 1 + 1 + 17);
  CHECK(all.needs_lookahead());
  const Conditions none, active_notes{.active_notes = true}, key{.key = true};
  CHECK((none.ids() == 0 && none.ids_per_step() == 1 && !none.any()));
  CHECK((active_notes.ids() == 129 && active_notes.ids_per_step() == 18 && active_notes.any() &&
         !active_notes.needs_lookahead()));
  CHECK((key.ids() == 24 && key.ids_per_step() == 2 && key.needs_lookahead()));
  for (const Conditions& c : {all, none, active_notes, key}) CHECK(Conditions::named(c.names()) == c);
  CHECK_THROWS_WITH(Conditions::named(std::vector<std::string>{"key", "tempo"}),
                    "condition: unknown name 'tempo', wanted notes-per-second, key or active-notes");
}

TEST_CASE("Notes are active from note-on to note-off, and so is the pedal") {
  ActiveNotes down;
  CHECK_FALSE(down.any());
  for (Token token : {velocity(3), note_on(60), time_shift(9), note_on(64), kPedalDown}) down.feed(token);
  CHECK((down.key(60) && down.key(64) && !down.key(62) && down.pedal()));
  for (Token token : {note_off(60), kPedalUp}) down.feed(token);
  CHECK((!down.key(60) && down.key(64) && !down.pedal() && down.any()));
  down.feed(note_off(64));
  CHECK_FALSE(down.any());
}

TEST_CASE("A step is its token, then density, key, active notes from the lowest up, and the pedal") {
  const Conditions all{.notes_per_second = true, .key = true, .active_notes = true};
  ActiveNotes down;
  for (Token token : {note_on(64), note_on(60), kPedalDown}) down.feed(token);
  std::vector<Token> wanted(20, kNoCondition);
  // ids: 388.. densities, 400.. keys, 424.. active pitches, 552 the pedal
  wanted[0] = note_on(64), wanted[1] = 388 + 7, wanted[2] = 400 + 11;
  wanted[3] = 424 + 60, wanted[4] = 424 + 64, wanted[5] = 424 + 128;
  CHECK(ids(all, kVocabulary, note_on(64), {7, 11}, down) == wanted);
  wanted[0] = note_on(66), wanted[2] = 400 + 1, wanted[3] += 2, wanted[4] += 2;  // B major up to C sharp major
  CHECK(ids(all, kVocabulary, note_on(64), {7, 11}, down, 2) == wanted);
  wanted[0] = note_off(62), wanted[1] = wanted[2] = kNoCondition;
  CHECK(ids(all, kVocabulary, note_off(60), {}, down, 2) == wanted);
  wanted[0] = kPedalDown;  // time, velocity and pedal are not transposed
  CHECK(ids(all, kVocabulary, kPedalDown, {}, down, 2) == wanted);

  CHECK(ids({}, kVocabulary, note_on(64), {7, 11}, down) == std::vector<Token>{note_on(64)});
  CHECK(ids({.key = true}, kVocabularyWithPedal, time_shift(3), {7, 23}, down, 1) ==
        std::vector<Token>{time_shift(3), 390 + 12});  // B minor up to C minor
  CHECK(ids({.notes_per_second = true}, kVocabulary, time_shift(3), {0, -1}, down) ==
        std::vector<Token>{time_shift(3), 388});
}

TEST_CASE("With too many active notes the lowest are given, and the pedal as well") {
  const Conditions active_notes{.active_notes = true};
  ActiveNotes down;
  for (int pitch = 30; pitch < 50; ++pitch) down.feed(note_on(pitch));
  std::vector<Token> wanted{time_shift(1)};
  for (int pitch = 30; pitch < 46; ++pitch) wanted.push_back(388 + pitch);
  wanted.push_back(kNoCondition);
  CHECK(ids(active_notes, kVocabulary, time_shift(1), {}, down) == wanted);
  down.feed(kPedalDown);
  wanted.back() = 388 + 128;
  CHECK(ids(active_notes, kVocabulary, time_shift(1), {}, down) == wanted);
}

TEST_CASE("Condition values of a piece agree with a search through all onsets") {
  std::array<int, kDensityBins> densities{};
  for (unsigned seed = 0; seed < 6; ++seed)
    for (int notes : {3, 40, 400}) {
      INFO("seed " << seed << ", " << notes << " notes");
      const auto tokens = encode(random_performance(seed, notes, 40, seed % 2 == 0));
      const auto values = condition_values_per_token(tokens), wanted = values_by_search(tokens);
      REQUIRE(values.size() == tokens.size());
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        INFO("token " << i);
        REQUIRE((values[i].density == wanted[i].density && values[i].key == wanted[i].key));
        ++densities[static_cast<std::size_t>(values[i].density)];
      }
    }
  int used = 0;
  for (int count : densities) used += count > 0;
  CHECK(used >= 5);
  CHECK(condition_values_per_token({}).empty());
}

TEST_CASE("Density looks five seconds ahead, and a rest at the end keeps the value before it") {
  std::vector<Note> notes;
  for (int i = 0; i < 60; ++i)  // ten seconds of two notes per second, ten of four
    notes.push_back(
        {.start = {i < 20 ? i * 0.5 : 10 + (i - 20) * 0.25}, .pitch = static_cast<std::uint8_t>(60 + i % 5)});
  for (Note& note : notes) note.end = {note.start.value + 0.2};
  const auto tokens = encode(make_performance(notes));
  const auto values = condition_values_per_token(tokens);
  std::int64_t now = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (kind_of(tokens[i]) == EventKind::time_shift) now += event_of(tokens[i]).value;
    INFO("at " << now << " steps");
    if (now <= 500) CHECK(values[i].density == density_bin(2));
    if (now >= 1000 && now <= 1495) CHECK(values[i].density == density_bin(4));
    if (now > 1900) CHECK(values[i].density == values[i - 1].density);
  }
}

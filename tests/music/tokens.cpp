// SPDX-License-Identifier: MIT
#include <rondo/music/pedal.hpp>
#include <rondo/music/tokens.hpp>

#include <cmath>
#include <limits>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
using rondo::test::random_performance;

namespace {
Note note(double start, double end, int pitch, int velocity = 64, int channel = 0) {
  return {.start = {start},
          .end = {end},
          .pitch = static_cast<std::uint8_t>(pitch),
          .velocity = static_cast<std::uint8_t>(velocity),
          .channel = static_cast<std::uint8_t>(channel)};
}
ControlChange pedal_change(double time, int value, int channel = 0) {
  return {.time = {time}, .value = static_cast<std::uint8_t>(value), .channel = static_cast<std::uint8_t>(channel)};
}
}  // namespace

TEST_CASE("The vocabulary has 388 events, and two more for the pedal") {
  CHECK(kVocabulary == 388);
  CHECK(kVocabularyWithPedal == 390);
  CHECK(note_on(0) == 0);
  CHECK(note_off(0) == 128);
  CHECK(time_shift(1) == 256);
  CHECK(time_shift(100) == 355);
  CHECK(velocity(0) == 356);
  CHECK(velocity(31) == 387);
  CHECK(pedal(true) == 388);
  CHECK(pedal(false) == 389);
  for (Token token = 0; token < kVocabularyWithPedal; ++token) CHECK(token_of(event_of(token)) == token);
  CHECK(name(Token{60}) == "note_on 60");
  CHECK(name(Token{128 + 61}) == "note_off 61");
  CHECK(name(Token{256 + 24}) == "time_shift 25");
  CHECK(name(Token{389}) == "pedal up");
  CHECK_THROWS_WITH(name(Token{390}), "music: 390 is no token, they are 0..389");
  CHECK_THROWS(name(Token{-1}));
}

TEST_CASE("The value of a velocity bin is within 2 of all its velocities") {
  CHECK(velocity_bin(1) == 0);
  CHECK(velocity_bin(4) == 0);
  CHECK(velocity_bin(5) == 1);
  CHECK(velocity_bin(127) == 31);
  for (int v = 1; v <= 127; ++v) {
    CHECK(std::abs(bin_velocity(velocity_bin(v)) - v) <= 2);
    CHECK(velocity_bin(bin_velocity(velocity_bin(v))) == velocity_bin(v));
  }
}

TEST_CASE("The tokens of a small performance") {
  const std::vector<Note> notes = {note(0.5, 1.0, 64, 80), note(0.5, 1.0, 60, 80), note(1.0, 3.304, 60, 81),
                                   note(3.3, 3.302, 72, 1)};
  const std::vector<Token> expected = {time_shift(50),  velocity(19),   note_on(60),  note_on(64), time_shift(50),
                                       note_off(60),    note_off(64),   velocity(20), note_on(60), time_shift(100),
                                       time_shift(100), time_shift(30), note_off(60), velocity(0), note_on(72),
                                       time_shift(1),   note_off(72)};
  CHECK(encode(notes) == expected);
  CHECK(encode(notes, LeadIn::drop) == std::vector<Token>(expected.begin() + 1, expected.end()));
  CHECK(encode(Performance{}).empty());

  const Performance decoded = decode(expected);
  REQUIRE(decoded.notes.size() == 4);
  CHECK(decoded.notes[0] == note(0.5, 1.0, 60, 78));
  CHECK(decoded.notes[1] == note(0.5, 1.0, 64, 78));
  CHECK(decoded.notes[2] == note(1.0, 3.3, 60, 82));
  CHECK(decoded.notes[3] == note(3.3, 3.31, 72, 2));
}

TEST_CASE("Rounding never accumulates: 10000 notes each 3.4 ms off the grid stay within 5 ms") {
  std::vector<Note> notes;
  for (int i = 0; i < 10000; ++i) notes.push_back(note(i * 0.1034, i * 0.1034 + 0.0517, 60));
  const auto decoded = decode(encode(notes)).notes;
  REQUIRE(decoded.size() == notes.size());
  for (std::size_t i = 0; i < notes.size(); ++i) {
    CHECK(std::abs(decoded[i].start.value - notes[i].start.value) <= 0.005 + 1e-9);
    CHECK(std::abs(decoded[i].end.value - notes[i].end.value) <= 0.005 + 1e-9);
  }
}

TEST_CASE("Decoding and encoding again gives the same tokens") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    auto performance = random_performance(seed, 150);
    const auto tokens = encode(performance);
    REQUIRE(tokens.size() > 100);
    REQUIRE((encode(decode(tokens)) == tokens));
    performance.controls.clear();
    REQUIRE(encode(performance.notes) == encode(performance));
  }
}

TEST_CASE("Decoding gives the notes on the grid") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    auto performance = random_performance(seed, 150, 12, true);
    auto decoded = decode(encode(performance)).notes;
    for (auto& n : performance.notes) n.velocity = bin_velocity(velocity_bin(n.velocity));
    const auto key = [](const auto& n) { return std::tuple(to_step(n.start), to_step(n.end), n.pitch, n.velocity); };
    const auto less = [&](const auto& a, const auto& b) { return key(a) < key(b); };
    std::sort(decoded.begin(), decoded.end(), less);
    std::sort(performance.notes.begin(), performance.notes.end(), less);
    REQUIRE(decoded.size() == performance.notes.size());
    for (std::size_t i = 0; i < decoded.size(); ++i) REQUIRE(key(decoded[i]) == key(performance.notes[i]));
  }
}

TEST_CASE("Any tokens decode: first in first out, unmatched note-offs ignored, open notes ended") {
  const std::vector<Token> tokens = {
      note_off(50),    note_on(60),     time_shift(10),  note_on(60),  time_shift(10), note_off(60),    note_on(61),
      note_off(61),    note_on(62),     time_shift(100), note_off(60), note_off(60),   time_shift(100), time_shift(100),
      time_shift(100), time_shift(100), time_shift(100), note_on(63),  time_shift(7),  note_on(64)};
  const auto notes = decode(tokens).notes;
  REQUIRE(notes.size() == 4);
  CHECK(notes[0] == note(0.0, 0.2, 60, 62));
  CHECK(notes[1] == note(0.1, 1.2, 60, 62));
  CHECK(notes[2] == note(0.2, 5.2, 62, 62));   // open: 5 s
  CHECK(notes[3] == note(6.2, 6.27, 63, 62));  // open: to the end of the tokens

  CHECK_THROWS_WITH(decode(std::vector<Token>{0, 1, 390}), "decode: token 2 is 390, this vocabulary has 0..389");
  CHECK_THROWS(decode(std::vector<Token>{-1}));

  std::mt19937 random(5);
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<Token> noise(2000);
    for (Token& token : noise) token = static_cast<Token>(random() % kVocabularyWithPedal);
    const auto decoded = decode(noise);
    for (const auto& n : decoded.notes) REQUIRE(n.start < n.end);
    REQUIRE(
        std::is_sorted(decoded.notes.begin(), decoded.notes.end(), [](auto& a, auto& b) { return a.start < b.start; }));
    const auto again = encode(decoded);
    REQUIRE((encode(decode(again)) == again));
  }
}

TEST_CASE("Absurd times are an error before any allocation") {
  CHECK_THROWS_AS(encode(make_performance({note(1e17, 2e17, 60)})), std::invalid_argument);
  CHECK_THROWS_AS(encode(make_performance({note(0, std::numeric_limits<double>::quiet_NaN(), 60)})),
                  std::invalid_argument);
  CHECK(encode(make_performance({note(-3, 0.1, 60)})) == encode(make_performance({note(0, 0.1, 60)})));
}

TEST_CASE("The pedal extends notes to its release or the next note of the same pitch") {
  const Performance performance =
      make_performance({note(0.0, 0.2, 60), note(0.5, 0.6, 60), note(0.1, 1.5, 64), note(0.1, 0.2, 67, 64, 1),
                        note(1.2, 1.3, 72), note(2.0, 2.1, 74)},
                       {pedal_change(0.1, 64), pedal_change(1.0, 63), pedal_change(1.2, 63), pedal_change(1.9, 127)});
  const auto notes = apply_pedal(performance, PedalMode::extend).notes;
  REQUIRE(notes.size() == 6);
  CHECK(notes[0].end.value == 0.5);  // repeated
  CHECK(notes[1].end.value == 1.0);  // pedal up
  CHECK(notes[2].end.value == 1.5);  // its key was held longer
  CHECK(notes[3].end.value == 0.2);  // another channel
  CHECK(notes[4].end.value == 1.3);  // no pedal
  CHECK(notes[5].end.value == 2.1);  // the pedal is never released: to the last event
  CHECK(apply_pedal(performance, PedalMode::extend).controls.empty());
  CHECK(apply_pedal(performance, PedalMode::ignore) == make_performance(performance.notes));
}

TEST_CASE("At equal times the pedal moves before the keys") {
  const auto end_of = [](const Performance& p) { return extend_notes(p).front().end.value; };
  CHECK(end_of(make_performance({note(0, 1, 60)}, {pedal_change(1, 127), pedal_change(2, 0)})) ==
        2);  // down as the key comes up
  CHECK(end_of(make_performance({note(0, 1, 60)}, {pedal_change(0.5, 127), pedal_change(1, 0)})) ==
        1);  // up as the key comes up
  CHECK(end_of(make_performance({note(0, 1, 60)}, {pedal_change(0, 127), pedal_change(2, 0), pedal_change(2, 127),
                                                   pedal_change(3, 0)})) == 2);  // changed
  // Of two notes of one pitch at one time one remains.
  CHECK(extend_notes(make_performance({note(1, 2, 60), note(1, 3, 60)}, {pedal_change(0, 127), pedal_change(4, 0)}))
            .size() == 1);
  CHECK(extend_notes(make_performance({note(1, 2, 60), note(1, 3, 60)}, {})).size() == 2);
}

TEST_CASE("Extended notes agree with a linear search for each note's end") {
  int longer = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    const auto performance = random_performance(seed, 120, 5);
    const auto extended = extend_notes(performance);
    REQUIRE(extended.size() == performance.notes.size());
    double last = performance.controls.empty() ? 0 : performance.controls.back().time.value;
    for (const auto& n : performance.notes) last = std::max(last, n.end.value);
    for (std::size_t i = 0; i < extended.size(); ++i) {
      const auto& n = performance.notes[i];
      bool down = false;
      double up = last;
      for (const auto& change : performance.controls) {
        if (change.time <= n.end)
          down = change.value >= 64;
        else if (change.value < 64) {
          up = change.time.value;
          break;
        }
      }
      double end = n.end.value;
      if (down) {
        end = up;
        for (const auto& other : performance.notes)
          if (other.pitch == n.pitch && other.start > n.start) end = std::min(end, other.start.value);
      }
      REQUIRE(extended[i].end.value == end);
      longer += end > n.end.value;
    }
  }
  CHECK(longer > 1000);
}

TEST_CASE("The pedal as tokens: only changes, in their order within a step") {
  const Performance performance = make_performance(
      {note(0.0, 0.5, 60), note(0.5, 1.0, 62)},
      {pedal_change(0.1, 20), pedal_change(0.2, 70), pedal_change(0.3, 90), pedal_change(0.498, 10),
       pedal_change(0.502, 100), pedal_change(0.7, 0), pedal_change(0.801, 100), pedal_change(0.803, 0)});
  const std::vector<Token> expected = {velocity(15), note_on(60),    time_shift(20), kPedalDown,  time_shift(30),
                                       note_off(60), kPedalUp,       kPedalDown,     note_on(62), time_shift(20),
                                       kPedalUp,     time_shift(30), note_off(62)};
  const auto decoded = apply_pedal(performance, PedalMode::tokens);
  CHECK(encode(decoded) == expected);
  CHECK(encode(decode(expected)) == expected);
  CHECK(decoded.controls.size() == 6);
  CHECK(vocabulary_size(PedalMode::tokens) == 390);
  CHECK(vocabulary_size(PedalMode::extend) == 388);
  CHECK(pedal_mode("tokens") == PedalMode::tokens);
  CHECK_THROWS_WITH(pedal_mode("half"), "pedal: 'half' is none of extend, tokens, ignore");

  // Two channels share the one pedal of the vocabulary: down while either one is.
  const Performance two = make_performance(
      {}, {pedal_change(0.1, 127, 0), pedal_change(0.2, 127, 1), pedal_change(0.3, 0, 0), pedal_change(0.4, 0, 1)});
  const auto changes = pedal_changes(two);
  REQUIRE(changes.size() == 2);
  CHECK(changes[1].time.value == 0.4);
}

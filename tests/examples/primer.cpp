// SPDX-License-Identifier: MIT
// Primers from notes and from files, and that their tokens are well-formed.
#include "piano/data/read_primer.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/tokens.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace fs = std::filesystem;
namespace music = rondo::music;
using music::PedalMode;

namespace {

std::vector<int> pitches(const std::string& text) {
  std::vector<int> list;
  for (const auto& note : piano::parse_primer_notes(text).performance.notes) list.push_back(note.pitch);
  return list;
}

/// start-end in milliseconds and pitch of each note.
std::string text_of(const music::Performance& performance) {
  std::string list;
  for (const auto& note : performance.notes) {
    list.append(list.empty() ? "" : " ").append(std::to_string(std::lround(note.start.value * 1000)));
    list.append("-").append(std::to_string(std::lround(note.end.value * 1000)));
    list.append(":").append(std::to_string(note.pitch));
  }
  return list;
}

/// A primer of this performance, written to a file and read.
piano::Primer primer_of(const music::Performance& performance, double seconds, PedalMode pedal = PedalMode::ignore) {
  const fs::path path = fs::temp_directory_path() / ("rondo-primer-" + std::to_string(::getpid()) + ".mid");
  rondo::midi::write_file(path, rondo::midi::compose(performance));
  const auto primer = piano::read_primer(path, seconds, pedal);
  fs::remove(path);
  return primer;
}

music::Note note(double start, double end, int pitch, int channel = 0, int track = 0, int velocity = 64) {
  return {{start},
          {end},
          static_cast<std::uint8_t>(pitch),
          static_cast<std::uint8_t>(velocity),
          static_cast<std::uint8_t>(channel),
          static_cast<std::uint16_t>(track)};
}

/// Whether the grammar allows all tokens.
bool well_formed(const std::vector<music::Token>& tokens, bool pedal = false) {
  music::Grammar grammar({.lowest = 0, .highest = 127, .pedal = pedal});
  for (music::Token token : tokens) {
    if (!grammar.allows(token)) return false;
    grammar.feed(token);
  }
  return true;
}

}  // namespace

TEST_CASE("Note names are in scientific pitch notation") {
  CHECK(pitches("C4 E4 G4") == std::vector<int>{60, 64, 67});
  CHECK(pitches("A0 A4 C8 B3") == std::vector<int>{21, 69, 108, 59});
  CHECK(pitches("C#4 Db4 B#3 Cb4 E#4 Fb4") == std::vector<int>{61, 61, 60, 59, 65, 64});
  CHECK(pitches("F##4 Bbb4 c4 b4 bb4") == std::vector<int>{67, 69, 60, 71, 70});
  CHECK(pitches("  C4\tE4\n ") == std::vector<int>{60, 64});
}

TEST_CASE("Notes are consecutive, notes of a chord simultaneous, rests silent") {
  const auto primer = piano::parse_primer_notes("r C4 C4+E4+G4:2 r:0.5 D4:1.5");
  CHECK(text_of(primer.performance) ==
        "0-500:60 500-1500:60 500-1500:64 500-1500:67 1750-2500:62");  // a rest at the beginning is removed
  CHECK(primer.seconds == Approx(2.5));
  for (const auto& n : primer.performance.notes) CHECK(n.velocity == 64);
  CHECK(text_of(piano::parse_primer_notes("C4 D4", 60).performance) == "0-1000:60 1000-2000:62");
  CHECK(piano::parse_primer_notes("C4 r:3").seconds == Approx(2));
  CHECK(text_of(piano::parse_primer_notes("C4:64").performance) == "0-5000:60");  // the grammar's longest note
  CHECK(text_of(piano::parse_primer_notes("C4+C4").performance) == "0-500:60");
  const auto tokens = music::encode(piano::parse_primer_notes("C4 C4+E4 G4").performance);
  CHECK(well_formed(tokens));
  CHECK(text_of(music::decode(tokens)) == "0-500:60 500-1000:60 500-1000:64 1000-1500:67");
}

TEST_CASE("An invalid word is reported with its position") {
  const auto error_of = [](const std::string& text, double tempo = 120) -> std::string {
    try {
      (void)piano::parse_primer_notes(text, tempo);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  const std::string wanted = "wanted a letter from A to G, # or b, and an octave: C4, F#3, Bb5";
  CHECK(error_of("C4 H4") == "primer notes: word 2, 'H4': " + wanted);
  for (const char* word : {"C", "4", "C4x", "C#", "C###4", "C+E4", "C4+", "+C4", "Cx4", "C99999999999", "C4+r", "r+C4"})
    CHECK(error_of(word) == "primer notes: word 1, '" + std::string(word) + "': " + wanted);
  CHECK(error_of("C4 E4 G9") == "primer notes: word 3, 'G9': G9 is not a piano key, A0 to C8");
  for (const char* word : {"C4:", "C4:0", "C4:-1", "C4:x", "C4:65", "C4:nan", "C4:1e9", "C4:1:2", "r:"})
    CHECK(error_of(word) == "primer notes: word 1, '" + std::string(word) +
                                "': wanted a number of quarter notes in (0, 64] after the colon");
  CHECK(error_of("") == "primer notes: no notes in ''");
  CHECK(error_of("r r") == "primer notes: no notes in 'r r'");
  CHECK(error_of("C4", 0) == "primer notes: a tempo of 0 quarter notes per minute, wanted 20 to 400");
  CHECK(error_of("C4", std::nan("")) != "none");
}

TEST_CASE("The primer of a file merges all channels, from the first note to the cut") {
  const auto song = music::make_performance({note(2, 3, 60), note(2.5, 4, 64, 1, 1), note(2.25, 9, 40, 9),  // drums
                                             note(5, 8, 67, 2, 1), note(6, 7, 72, 0)});
  CHECK(text_of(primer_of(song, 100).performance) == "0-1000:60 500-2000:64 3000-6000:67 4000-5000:72");
  CHECK(primer_of(song, 100).seconds == Approx(6));
  const auto cut = primer_of(song, 3.5);
  CHECK(text_of(cut.performance) == "0-1000:60 500-2000:64 3000-6000:67");  // notes that have begun are complete
  CHECK(cut.seconds == Approx(3.5));
  CHECK(well_formed(music::encode(cut.performance)));
  CHECK(text_of(primer_of(song, 3).performance) == "0-1000:60 500-2000:64");  // a note at the cut is left out
}

TEST_CASE("Notes of one pitch are merged or made consecutive") {
  const auto both = music::make_performance({note(0, 2, 60, 0, 0, 50), note(0.003, 1, 60, 1, 1, 90),  // together
                                             note(3, 6, 62, 0), note(4, 5, 62, 1, 1),  // one within the other
                                             note(7, 20, 64, 0)});                     // longer than the limit
  const auto primer = primer_of(both, 100);
  CHECK(text_of(primer.performance) == "0-2000:60 3000-4000:62 4000-5000:62 7000-12000:64");
  CHECK(primer.performance.notes[0].velocity == 90);
  CHECK(well_formed(music::encode(primer.performance)));
}

TEST_CASE("The pedal of a primer is in the model's pedal mode and begins in its state at the start") {
  auto song = music::make_performance({note(2, 3, 60), note(6, 7, 62)},
                                      {{{1}, 64, 127}, {{4}, 64, 0}, {{5}, 64, 127}, {{8}, 64, 0}, {{3}, 64, 127, 9}});
  std::ranges::stable_sort(song.controls, {}, &music::ControlChange::time);
  CHECK(text_of(primer_of(song, 9, PedalMode::ignore).performance) == "0-1000:60 4000-5000:62");
  CHECK(text_of(primer_of(song, 9, PedalMode::extend).performance) == "0-2000:60 4000-6000:62");
  CHECK(primer_of(song, 9, PedalMode::extend).performance.controls.empty());
  const auto primer = primer_of(song, 3.5, PedalMode::tokens);
  CHECK(text_of(primer.performance) == "0-1000:60");
  REQUIRE(primer.performance.controls.size() == 3);
  CHECK(primer.performance.controls[0].time.value == 0);  // down since before the first note
  CHECK(primer.performance.controls[0].value == 127);
  CHECK(primer.performance.controls[1].time.value == Approx(2));
  CHECK(primer.performance.controls[2].time.value == Approx(3));
  CHECK(well_formed(music::encode(primer.performance), true));
}

TEST_CASE("Files without a primer are errors of one line") {
  CHECK_THROWS_WITH(primer_of(music::make_performance({note(0, 1, 40, 9)}), 10),
                    Catch::Contains(": only percussion (channel 10), no notes"));
  CHECK_THROWS_WITH(primer_of({}, 10), Catch::Contains(": no notes"));
  CHECK_THROWS_WITH(piano::read_primer(RONDO_SOURCE_DIR "/README.md", 10, PedalMode::extend),
                    Catch::Contains("README.md: not a MIDI file"));
  CHECK_THROWS(piano::read_primer("/nowhere.mid", 10, PedalMode::extend));
}

TEST_CASE("A score can be a primer") {
  const auto primer =
      piano::read_primer(RONDO_SOURCE_DIR "/examples/piano/scores/bach-bwv846-prelude.abc", 4, PedalMode::extend);
  REQUIRE(primer.performance.notes.size() > 8);
  CHECK(primer.performance.notes[0].start.value == 0);
  CHECK(primer.performance.notes[0].pitch == 60);
  CHECK(primer.seconds == 4);
  CHECK(well_formed(music::encode(primer.performance)));
}

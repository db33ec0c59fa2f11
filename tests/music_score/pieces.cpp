// SPDX-License-Identifier: MIT
// The bundled pieces: each parses, has its number of bars and notes, and, where its reference is at hand, agrees with
// it note for note up to the exceptions that it logs.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/music/score/compare.hpp>
#include <rondo/music/score/library.hpp>

#include "support/catch.hpp"

namespace fs = std::filesystem;
namespace midi = rondo::midi;
namespace music = rondo::music;

namespace {

const fs::path kScores = fs::path(RONDO_SOURCE_DIR) / "examples/piano/scores";
const fs::path kReferences = fs::path(RONDO_TEST_DATA) / "score-references";

struct Expected {
  int last_bar;       // number of the last bar
  std::size_t bars;   // played, with repeats
  std::size_t notes;  // played, with repeats
};

// Bars as in printed editions; notes fixed once each piece agreed with its reference, which for op. 27 no. 2 was no
// MIDI file but a list made by hand from an encoding of a printed edition.
const std::map<std::string, Expected> kPieces = {
    {"bach-bwv772-invention-1", {22, 22, 458}},    {"bach-bwv784-invention-13", {25, 25, 564}},
    {"bach-bwv846-prelude", {35, 35, 549}},        {"beethoven-op27-2-adagio", {69, 69, 1169}},
    {"beethoven-woo59-fuer-elise", {22, 46, 294}}, {"petzold-anh114-minuet", {32, 64, 406}},
};

midi::Note<midi::Ticks> tick_note(std::int64_t start, std::int64_t end, int pitch) {
  midi::Note<midi::Ticks> note;
  note.start = {start};
  note.end = {end};
  note.pitch = static_cast<std::uint8_t>(pitch);
  return note;
}

}  // namespace

TEST_CASE("Every bundled piece has its bars and notes") {
  const auto pieces = music::load_scores(kScores);
  CHECK(pieces.size() == kPieces.size());
  for (const auto& piece : pieces) {
    INFO(piece.name);
    REQUIRE(kPieces.count(piece.name) == 1);
    const Expected& expected = kPieces.at(piece.name);
    CHECK(piece.score.bars.back().number == expected.last_bar);
    CHECK(piece.score.bars.size() == expected.bars);
    CHECK(piece.score.notes.size() == expected.notes);
  }
}

TEST_CASE("Every bundled performance is one that a pianist could play") {
  for (const auto& piece : music::load_scores(kScores)) {
    INFO(piece.name);
    const auto& p = piece.performance;
    REQUIRE_FALSE(p.notes.empty());
    CHECK(p.duration.value > 30);
    CHECK(p.duration.value < 600);
    double up[128] = {}, velocities = 0;
    for (const auto& note : p.notes) {
      REQUIRE(note.start.value >= up[note.pitch]);
      REQUIRE(note.end > note.start);
      up[note.pitch] = note.end.value;
      velocities += note.velocity;
    }
    const double mean = velocities / static_cast<double>(p.notes.size());
    CHECK(mean > 30);
    CHECK(mean < 90);
    double last = 0;
    bool down = false;
    for (const auto& change : p.controls) {
      REQUIRE(change.time.value >= last);
      REQUIRE((change.value >= 64) != down);  // down and up take turns
      last = change.time.value;
      down = change.value >= 64;
    }
    CHECK_FALSE(down);
  }
}

TEST_CASE("Every bundled piece agrees with its reference up to what it logs") {
  if (!fs::exists(kReferences)) {
    WARN("skipped: no references at " << kReferences);
    return;
  }
  for (const auto& [name, expected] : kPieces) {
    INFO(name);
    const std::string path = (kScores / (name + ".abc")).string();
    music::Score score = music::read_abc(path);
    const auto log = music::logged_reference(score);
    if (!log) continue;
    if (log->without_repeats) score = music::read_abc(path, music::Repeats::ignore);
    const midi::File file = midi::read_file(kReferences / log->file).file;
    const auto reference = midi::extract<midi::Ticks>(file).notes;
    REQUIRE(reference.size() > 100);
    const auto differences = music::compare(score, reference, file.division.ticks_per_quarter, log->opening);
    for (const auto& [bar, counts] : music::unexpected(differences, *log)) {
      INFO("bar " << bar << ": " << counts.first << " differences, " << counts.second << " logged");
      CHECK(counts.first == counts.second);
    }
  }
}

TEST_CASE("compare finds a wrong pitch, a missing note, an added note, a wrong duration, and nothing else") {
  const auto score = music::parse_abc("X:1\nT:t\nC:c\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n[V:R]C D E F|G A B2|]\n", "t.abc");
  const std::vector<midi::Note<midi::Ticks>> same = {
      tick_note(0, 96, 60),    tick_note(97, 192, 62),  tick_note(192, 288, 64), tick_note(288, 384, 65),
      tick_note(384, 480, 67), tick_note(480, 576, 69), tick_note(576, 768, 71)};
  CHECK(music::compare(score, same, 96).empty());

  auto other = same;
  other[1].pitch = 63;                       // bar 1: D against E flat, two differences
  other[4].end = {430};                      // bar 2: half as long
  other.pop_back();                          // bar 2: the last note missing
  other.push_back(tick_note(600, 700, 40));  // bar 2: one too many
  const auto differences = music::compare(score, other, 96);
  REQUIRE(differences.size() == 5);
  CHECK(differences[0].bar == 1);
  CHECK(differences[0].pitch == 62);
  CHECK_FALSE(differences[0].reference);
  CHECK(differences[1].pitch == 63);
  CHECK_FALSE(differences[1].ours);
  CHECK(differences[2].ours == music::Rational(1));
  CHECK(differences[2].reference == music::Rational(46, 96));
  CHECK(differences[4].bar == 2);

  music::LoggedReference log;
  log.exceptions = {{1, 2}, {2, 2}};
  const auto bars = music::unexpected(differences, log);
  REQUIRE(bars.size() == 1);
  CHECK(bars.at(2) == std::pair<std::size_t, std::size_t>{3, 2});
  log.exceptions = {{1, 2}, {2, 3}, {9, 1}};  // a logged exception that no longer occurs stands out too
  CHECK(music::unexpected(differences, log).count(9) == 1);

  auto longer = same;
  longer.push_back(tick_note(768, 800, 60));
  CHECK(music::compare(score, longer, 96).size() == 1);
  CHECK(music::compare(score, longer, 96, true).empty());
}

TEST_CASE("The log is read from N: lines") {
  music::Score score;
  CHECK_FALSE(music::logged_reference(score));
  score.remarks = {"Typed.", "reference a.mid, opening, without repeats", "exception bar 8: 2 differences, a trill"};
  const auto log = music::logged_reference(score);
  REQUIRE(log);
  CHECK(log->file == "a.mid");
  CHECK(log->opening);
  CHECK(log->without_repeats);
  CHECK(log->exceptions == std::map<int, std::size_t>{{8, 2}});
}

TEST_CASE("load_scores says what is wrong with a folder") {
  CHECK_THROWS_WITH(music::load_scores("/nowhere"), "/nowhere: no such folder");
  const fs::path other = fs::path(RONDO_SOURCE_DIR) / "include";
  CHECK_THROWS_WITH(music::load_scores(other), other.string() + ": no .abc file in this folder");
}

// SPDX-License-Identifier: MIT
// The bundled pieces: each parses, has its number of bars and notes, names its origin and what it was checked against,
// and, if its reference is available, agrees with it note for note up to the logged exceptions.
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include "piano/notation/compare.hpp"
#include "piano/notation/library.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace piano;

namespace {

const fs::path kScores = fs::path(RONDO_SOURCE_DIR) / "examples/piano/scores";
const fs::path kReferences = fs::path(RONDO_TEST_DATA) / "score-references";

struct Expected {
  int last_bar;       // number of the last bar
  std::size_t bars;   // played, with repeats
  std::size_t notes;  // played, with repeats
};

// Bars as in printed editions; notes fixed once each piece agreed with its reference, which for op. 27 no. 2 was no
// MIDI file but a list made by hand from an encoding of a printed edition. The settings of folk tunes are Rondo's own.
const std::map<std::string, Expected> kPieces = {
    {"bach-bwv772-invention-1", {22, 22, 458}},
    {"bach-bwv775-invention-4", {52, 52, 443}},
    {"bach-bwv779-invention-8", {34, 34, 598}},
    {"bach-bwv784-invention-13", {25, 25, 564}},
    {"bach-bwv846-prelude", {35, 35, 549}},
    {"bach-bwv924-prelude", {18, 18, 274}},
    {"bach-bwv939-prelude", {16, 16, 179}},
    {"bach-bwv999-prelude", {43, 43, 509}},
    {"beethoven-op27-2-adagio", {69, 69, 1169}},
    {"beethoven-woo59-fuer-elise", {22, 46, 294}},
    {"chopin-op28-20-prelude", {13, 13, 286}},
    {"chopin-op28-7-prelude", {16, 17, 167}},
    {"folk-au-clair-de-la-lune", {36, 36, 429}},
    {"folk-auld-lang-syne", {24, 25, 329}},
    {"folk-greensleeves", {32, 33, 355}},
    {"folk-korobeiniki", {32, 32, 440}},
    {"folk-lieber-augustin", {40, 40, 388}},
    {"folk-sakura", {32, 32, 318}},
    {"mozart-k331-theme", {18, 36, 476}},
    {"petzold-anh114-minuet", {32, 64, 406}},
    {"petzold-anh115-minuet", {32, 64, 398}},
    {"satie-gymnopedie-1", {39, 78, 455}},
    {"schumann-op68-1-melodie", {20, 24, 303}},
    {"schumann-op68-10-froehlicher-landmann", {14, 23, 352}},
    {"schumann-op68-2-soldatenmarsch", {24, 48, 312}},
    {"schumann-op68-3-traellerliedchen", {24, 24, 277}},
    {"schumann-op68-5-stueckchen", {24, 25, 279}},
};

constexpr std::string_view kChecked = "checked against ";

/// What follows `N:checked against`; empty if there is no such line, or more than one.
std::string checked_against(const Score& score) {
  std::string found;
  for (const std::string_view remark : score.remarks) {
    if (!remark.starts_with(kChecked)) continue;
    if (!found.empty()) return {};
    found = trim(remark.substr(kChecked.size()));
  }
  return found;
}

/// The rows of the README's table of pieces, by the piece's name: bars, notes, checked against, differences left.
std::map<std::string, std::array<std::string, 4>> table_of_pieces() {
  std::map<std::string, std::array<std::string, 4>> rows;
  std::ifstream readme(kScores / "README.md");
  std::string line, last;
  const std::regex row(R"(\| `([a-z0-9-]+)\.abc` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|)");
  for (std::smatch m; std::getline(readme, line);) {
    if (!std::regex_match(line, m, row)) continue;
    CHECK(last < m[1].str());  // sorted
    last = m[1].str();
    rows[last] = {m[2].str(), m[3].str(), m[4].str(), m[5].str()};
  }
  return rows;
}

}  // namespace

TEST_CASE("Every bundled piece has its bars and notes") {
  const auto pieces = load_scores(kScores);
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

TEST_CASE("Every bundled piece names its author, year, and what it was checked against") {
  const std::regex year(R"(.*\b1[5-9][0-9][0-9]\b.*)");
  for (const auto& piece : load_scores(kScores)) {
    INFO(piece.name);
    CHECK(piece.score.title.size() > 3);
    CHECK(std::regex_match(piece.score.composer, year));
    const std::string made_by = piece.score.composer.substr(0, piece.score.composer.find_first_of(",("));
    if (piece.name.starts_with("folk-")) {
      CHECK(made_by == "traditional");
      CHECK(piece.score.composer.ends_with("; setting by the Rondo project (2026)"));
    } else {
      CHECK(made_by.find(' ') != std::string::npos);  // first name and surname
    }
    CHECK_FALSE(checked_against(piece.score).empty());
  }
}

TEST_CASE("The table of pieces in the README is complete, sorted and correct") {
  auto rows = table_of_pieces();
  for (const auto& [name, expected] : kPieces) {
    INFO(name);
    REQUIRE(rows.count(name) == 1);
    const auto [bars, notes, checked, left] = rows.extract(name).mapped();
    const Score written = read_abc((kScores / (name + ".abc")).string(), Repeats::ignore);

    std::ostringstream expected_bars;
    expected_bars << expected.last_bar << (written.bars.front().number == 0 ? " and an upbeat" : "");
    CHECK((bars == expected_bars.str() || bars.starts_with(expected_bars.str() + ", ")));
    CHECK((bars.size() > expected_bars.str().size()) == (written.notes.size() != expected.notes));  // mentions repeats
    std::ostringstream count;
    count << written.notes.size();
    if (written.notes.size() != expected.notes) count << " (" << expected.notes << " played)";
    CHECK(notes == count.str());
    CHECK(checked == checked_against(written));

    const auto log = logged_reference(written);
    if (!log) continue;
    std::size_t logged = 0;
    for (const auto& [bar, differences] : log->exceptions) logged += differences;
    CHECK((logged == 0 ? left == "none" : left.starts_with(std::to_string(logged) + ":")));
  }
  CHECK(rows.empty());
}

TEST_CASE("Every bundled performance is well-formed") {
  for (const auto& piece : load_scores(kScores)) {
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
      REQUIRE((change.value >= 64) != down);  // down and up alternate
      last = change.time.value;
      down = change.value >= 64;
    }
    CHECK_FALSE(down);
  }
}

TEST_CASE("Every bundled piece agrees with its reference up to the logged exceptions") {
  if (!fs::exists(kReferences)) {
    WARN("skipped: no references at " << kReferences);
    return;
  }
  std::size_t compared = 0;
  for (const auto& [name, expected] : kPieces) {
    INFO(name);
    const std::string path = (kScores / (name + ".abc")).string();
    Score score = read_abc(path);
    const auto log = logged_reference(score);
    if (!log) continue;
    ++compared;
    if (log->without_repeats) score = read_abc(path, Repeats::ignore);
    const midi::File file = midi::read_file(kReferences / log->file).file;
    const auto reference = midi::extract<midi::Ticks>(file).notes;
    REQUIRE(reference.size() > 100);
    const auto differences = compare(score, reference, file.division.ticks_per_quarter, *log);
    for (const auto& [bar, counts] : unexpected(differences, *log)) {
      INFO("bar " << bar << ": " << counts.first << " differences, " << counts.second << " logged");
      CHECK(counts.first == counts.second);
    }
  }
  CHECK(compared == 20);  // all but the settings of folk tunes and op. 27 no. 2
}

TEST_CASE("load_scores reports errors of a folder") {
  CHECK_THROWS_WITH(load_scores("/nowhere"), "/nowhere: no such folder");
  const fs::path other = fs::path(RONDO_SOURCE_DIR) / "include";
  CHECK_THROWS_WITH(load_scores(other), other.string() + ": no .abc file in this folder");
}

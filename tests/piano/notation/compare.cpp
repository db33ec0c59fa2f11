// SPDX-License-Identifier: MIT
// Comparison of a score with a rendering, and the N: lines about its reference.
#include "piano/notation/compare.hpp"
#include <rondo/midi/note.hpp>
#include "piano/notation/abc_parser.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace piano;

namespace {

midi::Note<midi::Ticks> tick_note(std::int64_t start, std::int64_t end, int pitch) {
  midi::Note<midi::Ticks> note;
  note.start = {start};
  note.end = {end};
  note.pitch = static_cast<std::uint8_t>(pitch);
  return note;
}

}  // namespace

TEST_CASE("compare finds a wrong pitch, a missing note, an added note, a wrong duration, and nothing else") {
  const auto score = parse_abc("X:1\nT:t\nC:c\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n[V:R]C D E F|G A B2|]\n", "t.abc");
  const std::vector<midi::Note<midi::Ticks>> same = {
      tick_note(0, 96, 60),    tick_note(97, 192, 62),  tick_note(192, 288, 64), tick_note(288, 384, 65),
      tick_note(384, 480, 67), tick_note(480, 576, 69), tick_note(576, 768, 71)};
  CHECK(compare(score, same, 96).empty());

  auto other = same;
  other[1].pitch = 63;                       // bar 1: D against E flat, two differences
  other[4].end = {430};                      // bar 2: half as long
  other.pop_back();                          // bar 2: the last note missing
  other.push_back(tick_note(600, 700, 40));  // bar 2: one too many
  const auto differences = compare(score, other, 96);
  REQUIRE(differences.size() == 5);
  CHECK(differences[0].bar == 1);
  CHECK(differences[0].pitch == 62);
  CHECK_FALSE(differences[0].reference);
  CHECK(differences[1].pitch == 63);
  CHECK_FALSE(differences[1].ours);
  CHECK(differences[2].ours == Rational(1));
  CHECK(differences[2].reference == Rational(46, 96));
  CHECK(differences[4].bar == 2);

  LoggedReference log;
  log.exceptions = {{1, 2}, {2, 2}};
  const auto bars = unexpected(differences, log);
  REQUIRE(bars.size() == 1);
  CHECK(bars.at(2) == std::pair<std::size_t, std::size_t>{3, 2});
  log.exceptions = {{1, 2}, {2, 3}, {9, 1}};  // a logged exception that no longer occurs is reported, too
  CHECK(unexpected(differences, log).count(9) == 1);

  auto longer = same;
  longer.push_back(tick_note(768, 800, 60));
  CHECK(compare(score, longer, 96).size() == 1);
  log = {};
  log.opening = true;
  CHECK(compare(score, longer, 96, log).empty());
}

TEST_CASE("compare transposes a reference in another key to ours") {
  const auto score = parse_abc("X:1\nT:t\nC:c\nM:2/4\nL:1/4\nQ:1/4=120\nK:C\n[V:R]C D|]\n", "t.abc");
  const std::vector<midi::Note<midi::Ticks>> higher = {tick_note(0, 96, 62), tick_note(96, 192, 64)};
  CHECK(compare(score, higher, 96).size() == 4);
  LoggedReference log;
  log.transposed = 2;
  CHECK(compare(score, higher, 96, log).empty());
  log.transposed = -2;
  CHECK(compare(score, higher, 96, log).size() == 4);

  log.transposed = 2;
  const auto differences = compare(score, {higher[0], tick_note(96, 192, 65)}, 96, log);
  REQUIRE(differences.size() == 2);
  CHECK(differences[0].pitch == 62);
  CHECK(differences[1].pitch == 63);
}

TEST_CASE("The log is read from N: lines") {
  Score score;
  CHECK_FALSE(logged_reference(score));
  score.remarks = {"Typed.", "reference a.mid, opening, without repeats", "exception bar 8: 2 differences, a trill"};
  const auto log = logged_reference(score);
  REQUIRE(log);
  CHECK(log->file == "a.mid");
  CHECK(log->opening);
  CHECK(log->without_repeats);
  CHECK(log->transposed == 0);
  CHECK(log->exceptions == std::map<int, std::size_t>{{8, 2}});

  score.remarks = {"reference b.mid, transposed -3"};
  CHECK(logged_reference(score)->transposed == -3);
  CHECK_FALSE(logged_reference(score)->opening);
  score.remarks = {"reference b.mid, transposed 2, opening"};
  CHECK(logged_reference(score)->transposed == 2);
  CHECK(logged_reference(score)->opening);

  for (const std::string wrong : {"transposed", "transposed up", "transposed 0", "transposed 25", "upside down", ""}) {
    INFO(wrong);
    score.remarks = {"reference b.mid, " + wrong};
    CHECK_THROWS_WITH(logged_reference(score),
                      "N:reference b.mid: '" + wrong +
                          "' is none of opening, without repeats, transposed N (N from -24 to 24, not 0)");
  }
}

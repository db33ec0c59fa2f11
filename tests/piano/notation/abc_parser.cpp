// SPDX-License-Identifier: MIT
// Every construct of the ABC subset, and every error with its line and column.
#include "piano/notation/abc_parser.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace piano;

namespace {

// Eight lines of header, so that the music begins on line 8.
std::string tune(const std::string& body, const std::string& metre = "4/4", const std::string& key = "C") {
  return "X:1\nT:t\nC:c\nM:" + metre + "\nL:1/4\nQ:1/4=120\nK:" + key + "\n" + body;
}

Score parse(const std::string& body, const std::string& metre = "4/4", const std::string& key = "C") {
  return parse_abc(tune(body, metre, key), "t.abc");
}

std::string error_of(const std::string& text) {
  try {
    parse_abc(text, "t.abc");
  } catch (const AbcError& error) {
    return error.what();
  }
  return "no error";
}

std::string body_error(const std::string& body, const std::string& metre = "4/4") {
  return error_of(tune(body, metre));
}

std::vector<int> pitches(const Score& score) {
  std::vector<int> list;
  for (const auto& note : score.notes) list.push_back(note.pitch);
  return list;
}

std::vector<Rational> durations(const Score& score) {
  std::vector<Rational> list;
  for (const auto& note : score.notes) list.push_back(note.duration);
  return list;
}

std::vector<Rational> onsets(const Score& score) {
  std::vector<Rational> list;
  for (const auto& note : score.notes) list.push_back(note.onset);
  return list;
}

using Ints = std::vector<int>;
using Times = std::vector<Rational>;

}  // namespace

TEST_CASE("Rational stays in lowest terms and orders exactly") {
  CHECK(Rational(6, -8) == Rational(-3, 4));
  CHECK(Rational(1, 3) + Rational(1, 3) + Rational(1, 3) == Rational(1));
  CHECK(Rational(1, 3) < Rational(334, 1000));
  CHECK(Rational(3, 4) / Rational(3, 2) == Rational(1, 2));
  CHECK(Rational(7, 8).to_string() == "7/8");
}

TEST_CASE("Header fields reach the score") {
  const auto score = parse_abc(
      "X:1\nT:Title\nT:Part\nC:Somebody\nN:one\nN:two\nM:3/8\nL:1/8\nQ:\"Allegro\" 3/8=60\n%%rondo-pedal half\n"
      "%%rondo-rubato 0.05\n%%rondo-melody LH\nV:RH clef=treble\nV:LH\nK:Am\n[V:RH]abc|]\n[V:LH]A3|]\n",
      "t.abc");
  CHECK(score.title == "Title, Part");
  CHECK(score.composer == "Somebody");
  CHECK(score.remarks == std::vector<std::string>{"one", "two"});
  CHECK(score.key == "Am");
  REQUIRE(score.tempos.size() == 1);
  CHECK(score.tempos[0].quarters_per_minute == Approx(90));
  CHECK(score.auto_pedal == AutoPedal::half);
  CHECK(score.rubato == Approx(0.05));
  CHECK(score.voices == std::vector<std::string>{"RH", "LH"});
  CHECK(score.melody == std::vector<std::size_t>{1});
  REQUIRE(score.bars.size() == 1);
  CHECK(score.bars[0].metre == Metre{3, 8});
}

TEST_CASE("Voices are in the order of their declarations") {
  const std::string header = "X:1\nT:t\nC:c\nM:C\nL:1/4\nQ:1/4=90\nV:R\nV:L\nK:C\n";
  CHECK(parse_abc(header + "[V:L]C4|]\n[V:R]c4|]\n", "t.abc").voices == std::vector<std::string>{"R", "L"});
  CHECK(error_of(header + "[V:L]C4|]\n") == "t.abc:10:1: voice R holds no bar");
}

TEST_CASE("Pitches: octaves, accidentals within the bar, key signatures") {
  CHECK(pitches(parse("[V:R]C,, C, C c|c' B, G a|]")) == Ints{36, 48, 60, 72, 84, 59, 67, 81});
  CHECK(pitches(parse("[V:R]^F ^^F _B __B|]")) == Ints{66, 67, 70, 69});
  // an accidental is valid until the bar line, in its octave
  CHECK(pitches(parse("[V:R]^F F f =F|F ^f F f|]")) == Ints{66, 66, 77, 65, 65, 78, 65, 78});
  CHECK(pitches(parse("[V:R]F C B =F|]", "4/4", "D")) == Ints{66, 61, 71, 65});
  CHECK(pitches(parse("[V:R]^C2 C2|[K:Eb]B E A D|]")) == Ints{61, 61, 70, 63, 68, 62});
}

TEST_CASE("Every major and minor key, and modes, have their signatures") {
  const std::vector<std::pair<std::string, std::string>> relatives = {
      {"Cb", "Abm"}, {"Gb", "Ebm"}, {"Db", "Bbm"}, {"Ab", "Fm"}, {"Eb", "Cm"}, {"Bb", "Gm"},  {"F", "Dm"},  {"C", "Am"},
      {"G", "Em"},   {"D", "Bm"},   {"A", "F#m"},  {"E", "C#m"}, {"B", "G#m"}, {"F#", "D#m"}, {"C#", "A#m"}};
  int sharps = -7;
  for (const auto& [major, minor] : relatives) {
    INFO(major);
    CHECK(parse_key(major) == key_signature(sharps));
    CHECK(parse_key(minor) == key_signature(sharps));
    ++sharps;
  }
  CHECK(key_signature(2) == KeySignature{0, 0, 1, 0, 0, 1, 0});  // A B C D E F G
  CHECK(key_signature(-3) == KeySignature{-1, -1, 0, 0, -1, 0, 0});
  CHECK(parse_key("D dorian") == key_signature(0));
  CHECK(parse_key("Dmix") == key_signature(1));
  CHECK(parse_key("F lydian") == key_signature(0));
  CHECK(parse_key("E Phr") == key_signature(0));
  CHECK(parse_key("B loc") == key_signature(0));
  CHECK_FALSE(parse_key("H"));
  CHECK_FALSE(parse_key("G#"));  // eight sharps
  CHECK_FALSE(parse_key("C foo"));
}

TEST_CASE("Lengths, rests, chords") {
  CHECK(durations(parse("[V:R]C2 D/ E// F1/4 G|]")) == Times{2, Rational(1, 2), Rational(1, 4), Rational(1, 4), 1});
  CHECK(durations(parse("[V:R]C3/2 z/ x D|]")) == Times{Rational(3, 2), 1});
  CHECK(onsets(parse("[V:R]C3/2 z/ x D|]")) == Times{0, 3});
  CHECK(pitches(parse("[V:R][CEG]2 [C2E2]|]")) == Ints{60, 64, 67, 60, 64});
  CHECK(durations(parse("[V:R][CEG]2 [C2E2]|]")) == Times{2, 2, 2, 2, 2});
  const auto rest = parse("[V:R]Z2|C4|]\n[V:L]C4|D4|E4|]");
  CHECK(rest.bars.size() == 3);
  CHECK(onsets(rest) == Times{0, 4, 8, 8});
}

TEST_CASE("Ties make one note, over a bar line with its accidental") {
  const auto score = parse("[V:R]^F4-|F2 F2|]");
  CHECK(durations(score) == Times{6, 2});
  CHECK(pitches(score) == Ints{66, 65});
  CHECK(durations(parse("[V:R][CE]2-[CE]2-|[CEG]4|]")) == Times{8, 8, 4});
  CHECK(durations(parse("[V:R][C-E]2 [CF]2|]")) == Times{4, 2, 2});
}

TEST_CASE("Tuplets and broken rhythm") {
  CHECK(durations(parse("[V:R](3CDE C2|]")) == Times{Rational(2, 3), Rational(2, 3), Rational(2, 3), 2});
  CHECK(durations(parse("[V:R](3:2:2C2D C2|]")) == Times{Rational(4, 3), Rational(2, 3), 2});
  CHECK(durations(parse("[V:R](5:4CDEFG|]")) == Times(5, Rational(4, 5)));
  CHECK(durations(parse("[V:R](2CD|]", "3/4")) == Times(2, Rational(3, 2)));
  CHECK(durations(parse("[V:R]C>D E<F|]")) == Times{Rational(3, 2), Rational(1, 2), Rational(1, 2), Rational(3, 2)});
  CHECK(durations(parse("[V:R]C>>D E2|]")) == Times{Rational(7, 4), Rational(1, 4), 2});
}

TEST_CASE("Articulation: slurs, staccato, tenuto, accent") {
  const auto score = parse("[V:R](CD) .E !tenuto!!accent!F|]");
  CHECK(score.notes[0].articulation == Articulation::legato);
  CHECK(score.notes[1].articulation == Articulation::normal);  // a slur ends with its last note
  CHECK(score.notes[2].articulation == Articulation::staccato);
  CHECK(score.notes[3].articulation == Articulation::tenuto);
  CHECK(score.notes[3].accent);
}

TEST_CASE("Marks have the time of the next note") {
  const auto score = parse(
      "[V:R]!pp!C D !crescendo(!E F|!crescendo)!!ff![Q:1/4=60]G2 !fermata!A2|]\n"
      "[V:L]!ped!C4|C2 !ped-up!D2|]");
  REQUIRE(score.dynamics.size() == 2);
  CHECK(score.dynamics[0].level == Level::pp);
  CHECK(score.dynamics[1].onset == Rational(4));
  REQUIRE(score.hairpins.size() == 1);
  CHECK(score.hairpins[0].onset == Rational(2));
  CHECK(score.hairpins[0].end == Rational(4));
  CHECK(score.hairpins[0].louder);
  REQUIRE(score.tempos.size() == 2);
  CHECK(score.tempos[1].onset == Rational(4));
  REQUIRE(score.fermatas.size() == 1);
  CHECK(score.fermatas[0].onset == Rational(6));
  CHECK(score.fermatas[0].duration == Rational(2));
  REQUIRE(score.pedal_marks.size() == 2);
  CHECK(score.pedal_marks[1].onset == Rational(6));
  CHECK(score.pedal_marks[1].bar == 1);
  CHECK_FALSE(score.pedal_marks[1].down);
}

TEST_CASE("Repeats and endings are unfolded, or ignored") {
  const std::string body = "[V:R]|:C4|1D4:|2E4|F4|]";
  CHECK(pitches(parse(body)) == Ints{60, 62, 60, 64, 65});
  CHECK(pitches(parse_abc(tune(body), "t.abc", Repeats::ignore)) == Ints{60, 62, 64, 65});
  Ints numbers;
  for (const auto& bar : parse(body).bars) numbers.push_back(bar.number);
  CHECK(numbers == Ints{1, 2, 1, 2, 3});
  CHECK(pitches(parse("[V:R]C4:|D4|:E4|F4:|]")) == Ints{60, 60, 62, 64, 65, 64, 65});
  CHECK(pitches(parse("[V:R]C4::D4:|")) == Ints{60, 60, 62, 62});
}

TEST_CASE("An upbeat is bar 0 and completes the bar before the repeat sign") {
  const auto score = parse("[V:R]|:C|D4|E3:|F|G4|A3|]");
  Ints numbers;
  for (const auto& bar : score.bars) numbers.push_back(bar.number);
  CHECK(numbers == Ints{0, 1, 2, 0, 1, 2, 2, 3, 4});
  CHECK(score.bars[0].into_metre == Rational(3));
  CHECK(score.bars[2].into_metre == Rational(0));
  CHECK(score.bars[3].into_metre == Rational(3));
  CHECK(score.notes[3].onset == Rational(8));
}

TEST_CASE("Errors name file, line and column") {
  CHECK(body_error("[V:R]C4|C7/2|C4|]") == "t.abc:8:13: bar 2 holds 7/8, metre is 4/4");
  CHECK(body_error("[V:R]C4|C5|]") == "t.abc:8:11: bar 2 holds 5/4, metre is 4/4");
  CHECK(body_error("[V:R]C4|D4|]\n[V:L]C4|]") == "t.abc:9:10: voice L holds 1 bars, voice R 2");
  CHECK(body_error("[V:R]C4|]\n[V:L]C2|]") == "t.abc:9:8: bar 1 holds 1/2, metre is 4/4");
  CHECK(body_error("[V:R]C|D4|E3|]\n[V:L]C/|D4|E7/2|]") == "t.abc:9:8: bar 0 holds 1/8, but 1/4 in voice R");
  CHECK(body_error("[V:R]C4:|D4|]\n[V:L]C4|D4|]") == "t.abc:9:8: bar 1: other repeat signs than in voice R");
  CHECK(body_error("[V:R]C4|[M:3/4]D3|]\n[V:L]C4|D4|]") == "t.abc:9:11: bar 2: another metre than in voice R");

  CHECK(body_error("[V:R]C3 ^|]") == "t.abc:8:9: accidental on nothing");
  CHECK(body_error("[V:R]C3 ^z|]") == "t.abc:8:9: accidental on nothing");
  CHECK(body_error("[V:R]C3 .|D4|]") == "t.abc:8:9: decoration on nothing");
  CHECK(body_error("[V:R]C4|D4!fermata!") == "t.abc:8:11: decoration on nothing");
  CHECK(body_error("[V:R]C2 [CE|]") == "t.abc:8:9: a chord that is not closed");
  CHECK(body_error("[V:R]C2 []2|]") == "t.abc:8:9: an empty chord");
  CHECK(body_error("[V:R]C2 [CC]2|]") == "t.abc:8:11: a pitch twice in one chord");
  CHECK(body_error("[V:R]C2 [CE2]2|]") == "t.abc:8:12: notes of different length in one chord");
  CHECK(body_error("[V:R]C3 D-|C4|]") == "t.abc:8:10: a tie that leads to no note of its pitch");
  CHECK(body_error("[V:R]C2-z2|]") == "t.abc:8:8: a tie that leads to a rest");
  CHECK(body_error("[V:R]C2 D2-|]") == "t.abc:8:11: a tie still open at the end of the voice");
  CHECK(body_error("[V:R]|:C4-:|C4|]") == "t.abc:8:10: a tie still open at a repeat sign");
  CHECK(body_error("[V:R]C4-| |:C4:|]") == "t.abc:8:8: a tie still open at a repeat sign");
  CHECK(body_error("[V:R]|:(C4|1D4):|2E4|]") == "t.abc:8:8: a slur still open at an ending");
  CHECK(body_error("[V:R]-C4|]") == "t.abc:8:6: tie on nothing");
  CHECK(body_error("[V:R]C3 (3CD|E4|]") == "t.abc:8:9: a tuplet cut off by the bar line");
  CHECK(body_error("[V:R](3C(3DEF|]") == "t.abc:8:9: a tuplet within a tuplet");
  CHECK(body_error("[V:R]C3 D>|C4|]") == "t.abc:8:10: broken rhythm without a second note");
  CHECK(body_error("[V:R]>C4|]") == "t.abc:8:6: broken rhythm after nothing");
  CHECK(body_error("[V:R](C4|D4|]") == "t.abc:8:6: a slur still open at the end of the voice");
  CHECK(body_error("[V:R]C4)|]") == "t.abc:8:8: a slur that was not opened");
  CHECK(body_error("[V:R]!crescendo(!C4|]") == "t.abc:8:6: a hairpin still open at the end of the voice");
  CHECK(body_error("[V:R]C2!diminuendo)!C2|]") == "t.abc:8:8: a hairpin that was not opened");
  CHECK(body_error("[V:R]!ped!C4|]") == "t.abc:8:6: a pedal still down at the end of the voice");
  CHECK(body_error("[V:R]!ped-up!C4|]") == "t.abc:8:6: a pedal that is not down");
  CHECK(body_error("[V:R]!trill!C4|]") == "t.abc:8:6: unknown decoration !trill!");
  CHECK(body_error("[V:R]!p C4|]") == "t.abc:8:6: a decoration that is not closed");
  CHECK(body_error("[V:R]{d}C4|]") == "t.abc:8:6: unknown construct '{'");
  CHECK(body_error("[V:R]C4&E4|]") == "t.abc:8:8: unknown construct '&'");
  CHECK(body_error("[V:R]C,,,4|]") == "no error");
  CHECK(body_error("[V:R]C,,,,4|]") == "t.abc:8:6: a pitch outside the piano");
  CHECK(body_error("[V:R]C0|]") == "t.abc:8:7: a number outside 1..9999");
  CHECK(body_error("[V:R]C3 D9999|]") == "t.abc:8:9: a length that no score needs");
  CHECK(body_error("[V:R]C3 D/9999E/9998F/9997|]") == "t.abc:8:15: times too finely divided");
  CHECK(body_error("[V:R]C4||]D4|]") == "t.abc:8:10: unknown construct ']'");
  CHECK(body_error("[V:R]C4| |D4|]") == "t.abc:8:10: an empty bar");
  CHECK(body_error("[V:R]|C4|]") == "t.abc:8:6: a bar line before any note");
  CHECK(body_error("[V:R]C4") == "t.abc:8:8: the last bar is not closed by a bar line");
  CHECK(body_error("[V:R]|:C4|D4|]") == "t.abc:8:13: a repeat that is not closed");
  CHECK(body_error("[V:R]C4:|D4:|E4:|]") == "t.abc:8:12: bar 2: a repeat that was not opened");
  CHECK(body_error("[V:R]|:C4|1D4:|E4|]") == "t.abc:8:18: no second ending after the first");
  CHECK(body_error("[V:R]C4|2D4|]") == "t.abc:8:12: bar 2: a second ending without a first");
  CHECK(body_error("[V:R]C2[K:D]D2|]") == "t.abc:8:8: a change of key within a bar");
  CHECK(body_error("[V:R]C2[Z:D]D2|]") == "t.abc:8:8: unknown inline field Z:");
  CHECK(body_error("C4|]") == "t.abc:8:1: a line of music must begin with its voice, as [V:RH]");
  CHECK(body_error("[V:R]C4|]\n\n[V:R]C4|]") == "t.abc:10:1: text after the blank line that ended the tune");
  CHECK(body_error("[V:R]C4|]\n%%rondo-pedal bar") == "t.abc:9:1: directives belong before K:");
}

TEST_CASE("Errors in the header name the line") {
  CHECK(error_of("T:t\n") == "t.abc:1:1: the first field must be X:");
  CHECK(error_of("X:1\nT:t\nK:C\n") == "t.abc:3:1: no C: field before K:");
  CHECK(error_of("X:1\nM:4/5\n") == "t.abc:2:3: unknown metre 4/5");
  CHECK(error_of("X:1\nL:8\n") == "t.abc:2:3: a note length that cannot be read: 8");
  CHECK(error_of("X:1\nQ:fast\n") == "t.abc:2:3: a tempo that cannot be read: fast");
  CHECK(error_of("X:1\nK:H\n") == "t.abc:2:3: unknown key H");
  CHECK(error_of("X:1\nw:la la\n") == "t.abc:2:1: unknown field w:");
  CHECK(error_of("X:1\nM:C\nM:C|\n") == "t.abc:3:1: field M: twice");
  CHECK(error_of("X:1\n%%rondo-pedal often\n") == "t.abc:2:1: %%rondo-pedal wants bar, half or none");
  CHECK(error_of("X:1\n%%rondo-rubato 7\n") == "t.abc:2:1: %%rondo-rubato wants a number from 0 to 0.3");
  CHECK(error_of("X:1\n%%MIDI program 1\n") == "t.abc:2:1: unknown directive %%MIDI");
  CHECK(error_of("X:1\nT:t\n") == "t.abc:3:1: no K: field, so no music");
  CHECK(error_of(tune("")) == "t.abc:8:1: no music");
  CHECK(error_of("X:1\nT:t\nC:c\nM:C\nL:1/4\nQ:1/4=90\n%%rondo-melody Q\nK:C\n[V:R]C4|]\n") ==
        "t.abc:7:1: %%rondo-melody names voice Q, which has no music");
  CHECK(error_of("X:1\nT:t\nC:c\nM:C\nL:1/4\nQ:1/4=90\nV:R\nK:C\n[V:L]C4|]\n") ==
        "t.abc:9:4: voice L is not declared in the header");
}

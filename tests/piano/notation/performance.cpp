// SPDX-License-Identifier: MIT
// Properties of every performance: it depends only on the seed, follows the dynamics, changes the pedal with the
// harmony, and notes of one pitch do not overlap.
#include "piano/notation/performance.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "piano/notation/abc_parser.hpp"

#include "support/catch.hpp"

using namespace piano;

namespace {

Score score_of(const std::string& body, const std::string& directives = "", const std::string& metre = "4/4") {
  return parse_abc("X:1\nT:t\nC:c\nM:" + metre + "\nL:1/4\nQ:1/4=120\n" + directives + "K:C\n" + body, "t.abc");
}

// Without randomness and melody: only what is in the score.
PerformanceOptions plain() {
  PerformanceOptions options;
  options.spread = options.melody_lead = options.velocity_noise = 0;
  return options;
}

const std::string kPiece =
    "[V:R]!p!C D E F|!crescendo(!G A B c|!crescendo)!!f!d e f g|[CEG]4|]\n"
    "[V:L]C,2 G,2|C,2 G,2|C,2 G,2|C,4|]\n";

int velocity_at(const midi::Performance<midi::Seconds>& p, double from, double to, bool loudest = true) {
  int result = loudest ? 0 : 200;
  for (const auto& note : p.notes) {
    if (note.start.value < from || note.start.value >= to) continue;
    result = loudest ? std::max<int>(result, note.velocity) : std::min<int>(result, note.velocity);
  }
  return result;
}

std::vector<double> pedal_times(const midi::Performance<midi::Seconds>& p, bool down) {
  std::vector<double> times;
  for (const auto& change : p.controls)
    if ((change.value >= 64) == down) times.push_back(change.time.value);
  return times;
}

}  // namespace

TEST_CASE("The performance depends on the seed only") {
  const auto score = score_of(kPiece, "%%rondo-rubato 0.05\n%%rondo-pedal bar\n");
  PerformanceOptions other;
  other.seed = 1;
  CHECK(perform(score) == perform(score));
  CHECK_FALSE(perform(score) == perform(score, other));
}

TEST_CASE("Hashed random numbers are uniform and their curves are smooth") {
  const HashedRandom random(42);
  double sum = 0, squares = 0;
  constexpr int count = 20000;
  for (int n = 0; n < count; ++n) {
    const double u = random.uniform(7, static_cast<std::uint64_t>(n));
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    squares += u * u;
  }
  // mean 1/2 and mean square 1/3, each within four standard errors
  CHECK(sum / count == Approx(0.5).margin(4 * 0.2887 / 141.4));
  CHECK(squares / count == Approx(1.0 / 3).margin(4 * 0.2981 / 141.4));
  for (double x = -2; x < 2; x += 0.01) {
    CHECK(std::abs(random.smooth(1, x)) <= 1);
    CHECK(std::abs(random.smooth(1, x + 0.01) - random.smooth(1, x)) < 0.031);  // slope at most 3/2 of a step of 2
  }
}

TEST_CASE("Without rubato onsets follow from tempo and metre") {
  const auto p = perform(score_of("[V:R]C D [Q:1/4=60]E F|G4|]"), plain());
  REQUIRE(p.notes.size() == 5);
  const double expected[] = {0, 0.5, 1, 2, 3};
  for (std::size_t n = 0; n < 5; ++n) CHECK(p.notes[n].start.value == Approx(expected[n]).margin(1e-9));
}

TEST_CASE("The last bar slows, a fermata holds, tempo_scale scales") {
  const auto even = perform(score_of("[V:R]C4|C D E F|]"), plain());
  const double first = even.notes[2].start.value - even.notes[1].start.value;
  const double last = even.notes[4].start.value - even.notes[3].start.value;
  CHECK(first > 0.5);
  CHECK(last > first);
  CHECK(last < 0.6);
  const auto held = perform(score_of("[V:R]C !fermata!D E F|C4|]"), plain());
  CHECK(held.notes[1].start.value == Approx(0.5));
  CHECK(held.notes[2].start.value == Approx(0.5 + 0.5 * 1.7));
  CHECK(held.notes[3].start.value == Approx(1.0 + 0.5 * 1.7));
  auto options = plain();
  options.tempo_scale = 2;
  CHECK(perform(score_of("[V:R]C4|C D E F|]"), options).notes[1].start.value == Approx(1));
}

TEST_CASE("Rubato changes the tempo smoothly and within its bound") {
  std::string bars;
  for (int b = 0; b < 12; ++b) bars += "CDEF|";
  const auto p = perform(score_of("[V:R]" + bars + "C4|]", "%%rondo-rubato 0.1\n"), plain());
  double previous = 0, smallest = 1, largest = 0;
  for (std::size_t n = 0; n + 1 < 48; ++n) {
    const double beat = p.notes[n + 1].start.value - p.notes[n].start.value;
    smallest = std::min(smallest, beat);
    largest = std::max(largest, beat);
    if (previous > 0) CHECK(std::abs(beat - previous) < 0.04);
    previous = beat;
  }
  CHECK(smallest > 0.5 / 1.1);
  CHECK(largest < 0.5 / 0.9);
  CHECK(largest - smallest > 0.01);
}

TEST_CASE("Louder dynamics give higher velocities, note for note") {
  const std::string levels[] = {"pppp", "ppp", "pp", "p", "mp", "mf", "f", "ff", "fff", "ffff"};
  midi::Performance<midi::Seconds> softer;
  for (const std::string& level : levels) {
    const auto louder = perform(score_of("[V:R]!" + level + "!C D [EG] F|C4|]"));
    INFO(level);
    for (std::size_t n = 0; n < softer.notes.size(); ++n) CHECK(louder.notes[n].velocity > softer.notes[n].velocity);
    softer = louder;
  }
  CHECK(softer.notes.size() == 6);
}

TEST_CASE("A hairpin rises from level to level") {
  const auto p = perform(score_of("[V:R]!p!CCCC|!crescendo(!CCCC|!crescendo)!!f!CCCC|C4|]"), plain());
  const auto velocity = [&](std::size_t n) { return static_cast<int>(p.notes[n].velocity); };
  // the same beat of each bar: apart from randomness only the level differs; the phrase curve is at most 2.5
  CHECK(velocity(6) > velocity(2) + 5);
  CHECK(velocity(10) > velocity(6) + 5);
  CHECK(velocity(10) - velocity(2) == Approx(velocity_of(Level::f) - velocity_of(Level::p)).margin(6));
  // without a target mark: one level
  const auto open = perform(score_of("[V:R]!mf!CCCC|!diminuendo(!CCCC|CCCC!diminuendo)!|CCCC|CCCC|CCCC|]"), plain());
  CHECK(open.notes[16].velocity < open.notes[0].velocity - 6);
}

TEST_CASE("Downbeats, accents and the melody stand out") {
  const auto p = perform(score_of("[V:R]c c !accent!c c|c4|]\n[V:L]C C C C|C4|]"), plain());
  const auto velocity = [&](std::size_t note) { return static_cast<int>(p.notes[note].velocity); };
  REQUIRE(p.notes[0].pitch == 60);
  REQUIRE(p.notes[1].pitch == 72);
  CHECK(velocity(1) > velocity(0));  // melody over accompaniment
  CHECK(velocity(0) > velocity(2));  // first beat over second
  CHECK(velocity(5) > velocity(1));  // accent over downbeat
  const auto none = perform(score_of("[V:R]c4|]\n[V:L]C4|]", "%%rondo-melody none\n"), plain());
  CHECK(none.notes[0].velocity == none.notes[1].velocity);
}

TEST_CASE("Asynchrony and random deviations stay within their bounds") {
  const auto p = perform(score_of("[V:R][CEGc]4|[CEGc]4|[CEGc]4|]"));
  for (std::size_t chord = 0; chord < 3; ++chord) {
    double first = 1e9, last = 0;
    for (std::size_t n = 4 * chord; n < 4 * chord + 4; ++n) {
      first = std::min(first, p.notes[n].start.value);
      last = std::max(last, p.notes[n].start.value);
    }
    CHECK(last > first);
    CHECK(last - first < 0.010);
  }
}

TEST_CASE("Articulation determines the ends of notes") {
  const auto p = perform(score_of("[V:R]C D .E F|(C D) E2|]"), plain());
  const auto length = [&](std::size_t n) { return p.notes[n].end.value - p.notes[n].start.value; };
  CHECK(length(0) > 0.4);
  CHECK(length(0) < 0.5);
  CHECK(length(2) < 0.3);
  CHECK(p.notes[4].end > p.notes[5].start);  // legato overlaps
  CHECK(p.notes[5].end < p.notes[6].start);
}

TEST_CASE("Notes of one pitch do not overlap") {
  const auto p = perform(score_of("[V:R](C C C C)|C4|[CE]4|]\n[V:L]C4|C2 C2|C,4|]"));
  double up[128] = {};
  for (const auto& note : p.notes) {
    CHECK(note.start.value >= up[note.pitch]);
    CHECK(note.end > note.start);
    up[note.pitch] = note.end.value;
  }
  CHECK(p.notes.size() == 4 + 2 + 3);  // simultaneous notes of one pitch in two voices become one
}

TEST_CASE("The automatic pedal changes at every bar or half bar, after the old harmony and with the new") {
  const std::string body = "[V:R]CEGc|DFAd|CEGc|]";
  CHECK(perform(score_of(body)).controls.empty());
  for (const int parts : {1, 2}) {
    const auto p = perform(score_of(body, parts == 1 ? "%%rondo-pedal bar\n" : "%%rondo-pedal half\n"), plain());
    const auto down = pedal_times(p, true), up = pedal_times(p, false);
    REQUIRE(down.size() == static_cast<std::size_t>(3 * parts));
    REQUIRE(up.size() == down.size());
    CHECK(down[0] > 0);
    CHECK(down[0] < 0.1);
    for (std::size_t k = 0; k + 1 < up.size(); ++k) {
      CHECK(down[k] < up[k]);
      CHECK(up[k] < down[k + 1]);
    }
    // the pedal is up at the second bar's first note, and down again soon after
    const auto& second = p.notes[4];
    const auto change = static_cast<std::size_t>(parts) - 1;
    CHECK(up[change] < second.start.value);
    CHECK(down[change + 1] > second.start.value);
    CHECK(down[change + 1] < second.end.value);
    CHECK(up.back() <= p.duration.value);
  }
}

TEST_CASE("Pedal marks are followed, and replace the automatic pedal in their bars") {
  const auto p = perform(score_of("[V:R]C4|!ped!C2 !ped!D !ped-up!E|C4|C4|]", "%%rondo-pedal bar\n"), plain());
  const auto down = pedal_times(p, true), up = pedal_times(p, false);
  // bar 1 automatic; bar 2: down, changed on the third beat, up on the fourth; bars 3 and 4 automatic
  REQUIRE(down.size() == 5);
  REQUIRE(up.size() == 5);
  CHECK(up[1] == Approx(3).margin(0.02));
  CHECK(down[2] == Approx(3).margin(0.1));
  CHECK(up[2] == Approx(3.5).margin(0.02));
  CHECK(down[3] == Approx(4).margin(0.1));
  CHECK(down[3] > 4);
}

TEST_CASE("Pedal changes merge of marks and bars at the same time") {
  const auto changes =
      pedal_changes(score_of("[V:R]C4|!ped!C2 C2 !ped-up!|C4|!ped!C4|C2!ped-up!C2|C4|]", "%%rondo-pedal bar\n"));
  std::vector<double> times;
  for (const auto& change : changes) times.push_back(change.time.to_double());
  CHECK(times == std::vector<double>{0, 4, 8, 12, 18, 20, 24});
  const bool release[] = {false, true, true, true, true, false, true};
  const bool press[] = {true, true, true, true, false, true, false};
  for (std::size_t k = 0; k < changes.size(); ++k) {
    CHECK(changes[k].release == release[k]);
    CHECK(changes[k].press == press[k]);
  }
}

TEST_CASE("The automatic pedal ends where a bar with marks begins") {
  const auto changes = pedal_changes(score_of("[V:R]C4|C2 !ped!C2 !ped-up!|C4|]", "%%rondo-pedal bar\n"));
  REQUIRE(changes.size() == 5);
  CHECK(changes[1].time == Rational(4));
  CHECK(changes[1].release);
  CHECK_FALSE(changes[1].press);
  CHECK(changes[2].time == Rational(6));
  CHECK_FALSE(changes[2].release);
}

TEST_CASE("Velocities follow the dynamics over a whole piece") {
  const auto p = perform(score_of(kPiece, "%%rondo-melody none\n"));
  CHECK(velocity_at(p, 0, 1.9) < velocity_at(p, 4, 6, false));
  for (const auto& note : p.notes) {
    CHECK(note.velocity >= 1);
    CHECK(note.velocity <= 127);
    CHECK(note.channel == 0);
    CHECK(note.track == 0);
  }
}

TEST_CASE("Starts of bars follow from tempo, metre, repeats and rubato") {
  // number:milliseconds of each
  const auto bars_of = [](const std::string& body) {
    std::string list;
    for (const auto& bar : bar_starts(score_of("[V:R]" + body), plain()))
      list.append(" ")
          .append(std::to_string(bar.number))
          .append(":")
          .append(std::to_string(std::lround(bar.seconds * 1000)));
    return list;
  };
  CHECK(bars_of("C D E F|[Q:1/4=60]G4|A4|]") == " 1:0 2:2000 3:6000");
  // an upbeat is 0; a repeat has the same numbers again, and leads back to the upbeat
  CHECK(bars_of("G|C D E F|C D E:|") == " 0:0 1:500 2:2500 0:4000 1:4500 2:6500");
  // both endings start with the same number
  CHECK(bars_of("|:C4|[1 D4:|[2 E4|]") == " 1:0 2:2000 1:4000 2:6000");
  // the second half of a divided bar does not count, unless a repeat leads back to it
  CHECK(bars_of("G|C D E F|C D E::F|C D E F|C D E:|") ==
        " 0:0 1:500 2:2500 0:4000 1:4500 2:6500 3:8500 4:10500 2:12000 3:12500 4:14500");

  // no note of a bar begins before it, and none of the bar before after it, apart from the random deviation of onsets
  const auto score = score_of(kPiece, "%%rondo-rubato 0.1\n");
  const auto p = perform(score);
  const auto bars = bar_starts(score);
  REQUIRE(bars.size() == 4);
  std::vector<int> count(4);
  for (const auto& note : p.notes) {
    std::size_t b = 0;
    while (b + 1 < bars.size() && bars[b + 1].seconds <= note.start.value) ++b;
    ++count[b];
  }
  CHECK(count == std::vector<int>{6, 6, 6, 4});
  CHECK_FALSE(bars[1].seconds == Approx(2));  // rubato
}

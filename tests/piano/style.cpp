// SPDX-License-Identifier: MIT
#include "piano/evaluation/style.hpp"

#include <string>

#include "music/generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace piano;
using namespace rondo::music;

namespace {

// Notes by a linear congruential generator, which style_golden.py has, too. No time is on the edge of a class.
Performance congruent(std::uint32_t seed, int count, double unit) {
  std::uint32_t state = seed;
  const auto below = [&](std::uint32_t n) {
    state = (state * 1103515245u + 12345u) & 0x7fffffffu;
    return (state >> 8) % n;
  };
  std::vector<Note> notes;
  double now = 0;
  for (int i = 0; i < count; ++i) {
    now += below(8) * unit;
    const double length = 0.1013 + below(20) * 0.0717;
    const auto pitch = static_cast<std::uint8_t>(40 + below(40));
    notes.push_back(
        {.start = {now}, .end = {now + length}, .pitch = pitch, .velocity = static_cast<std::uint8_t>(20 + below(90))});
  }
  return make_performance(std::move(notes));
}

struct Golden {
  std::string feature;
  double overlap, kl, outputs_mean, style_mean;
};

// Printed by style_golden.py, which computes them with numpy from the definitions.
const std::vector<Golden> kGolden = {
    {"notes_per_second", 0.4441, 1.2190, 3.525000, 5.442342},
    {"polyphony", 0.6000, 0.4697, 2.629411, 4.077435},
    {"velocity", 0.9036, 0.0384, 66.339025, 64.774026},
    {"velocity_std", 0.8740, 0.0551, 25.804016, 25.476948},
    {"duration", 0.9026, 0.0610, 0.765258, 0.783052},
    {"durations", 0.8526, 0.1100, 0.000000, 0.000000},
    {"duration_transitions", 0.7390, 0.2404, 0.000000, 0.000000},
    {"onset_interval", 0.0180, 13.0252, 0.320212, 0.200136},
    {"onset_intervals", 0.3322, 2.3949, 0.000000, 0.000000},
    {"pitch_count", 0.8152, 0.2466, 25.125000, 28.777778},
    {"pitch_range", 0.8147, 0.2108, 37.625000, 38.111111},
    {"pitch_step", 0.9371, 0.0272, 13.909726, 12.941613},
    {"pitch_classes", 0.7120, 0.4205, 0.054777, 0.094091},
    {"pitch_class_transitions", 0.6703, 0.8883, 0.003906, 0.007831},
    {"bar_entropy", 0.6642, 0.3976, 2.352061, 2.695020},
    {"four_bar_entropy", 0.6160, 0.4028, 3.208725, 3.411573},
    {"groove_similarity", 0.5992, 0.4198, 0.822266, 0.739294},
};

}  // namespace

TEST_CASE("Features, overlap and divergence agree with numpy") {
  const std::vector<Performance> pieces = {congruent(1, 150, 0.0507), congruent(2, 150, 0.0507),
                                           congruent(3, 150, 0.0507)};
  const std::vector<Performance> others = {congruent(11, 150, 0.0811), congruent(12, 150, 0.0811)};
  const Style style(pieces, 10);
  const auto outputs = describe_windows(others, 10);
  REQUIRE(style.windows().size() == 9);
  REQUIRE(outputs.size() == 8);
  const auto distances = style.compare(outputs);
  REQUIRE(kGolden.size() == kFeatures.size());
  for (std::size_t f = 0; f < kFeatures.size(); ++f) {
    INFO(kFeatures[f].name);
    REQUIRE(kGolden[f].feature == kFeatures[f].name);
    CHECK(distances[f].overlap == Approx(kGolden[f].overlap).margin(2e-3));
    CHECK(distances[f].kl == Approx(kGolden[f].kl).epsilon(0.02).margin(3e-3));
    CHECK(moments(values_in(kFeatures[f], outputs)).mean == Approx(kGolden[f].outputs_mean).margin(1e-6));
    CHECK(moments(values_in(kFeatures[f], style.windows())).mean == Approx(kGolden[f].style_mean).margin(1e-6));
  }
}

TEST_CASE("Music of the style is more similar to it than faster, louder music") {
  std::vector<Performance> some, others, different;
  for (unsigned i = 0; i < 12; ++i) {
    some.push_back(rondo::test::random_performance(i, 100));
    others.push_back(rondo::test::random_performance(100 + i, 100));
    different.push_back(rondo::test::random_performance(200 + i, 100, 3));
    for (Note& note : different.back().notes) note.start *= 0.3, note.end *= 0.3, note.velocity = 120;
  }
  const Style style(some, 5);
  const auto near = mean(style.compare(describe_windows(others, 5)));
  const auto far = mean(style.compare(describe_windows(different, 5)));
  CHECK(near.overlap > 0.9);
  CHECK(far.overlap < 0.5);
  CHECK(far.kl > 10 * near.kl);
  CHECK_THROWS_AS(style.compare({}), std::invalid_argument);
  CHECK_THROWS_AS(Style(std::span(some).first(1), 1000), std::invalid_argument);
}

TEST_CASE("The 10th and 90th percentiles agree with numpy") {
  // numpy.percentile([5, 1, 4, 2, 8, 9, 3], [10, 90]) is [1.6, 8.4]
  const PercentileRange b = percentile_range({5, 1, 4, 2, 8, 9, 3});
  CHECK(b.low == Approx(1.6));
  CHECK(b.high == Approx(8.4));
  CHECK(b.contains(1.6));
  CHECK_FALSE(b.contains(8.5));
  CHECK(percentile_range({7}).high == 7);
  CHECK(percentile_range({}).high == 0);
}

TEST_CASE("Windows contain every note once, with times relative to the window") {
  const auto performance = rondo::test::random_performance(1, 300);
  const auto windows = cut_windows(performance, 2.0);
  std::size_t notes = 0;
  for (const Performance& window : windows) {
    notes += window.notes.size();
    CHECK(window.notes.front().start.value >= 0);
    CHECK(window.notes.back().start.value < 2);
    CHECK(window.duration.value <= 2);
  }
  CHECK(windows.size() > 3);
  CHECK(notes <= performance.notes.size());
  CHECK(notes + 60 > performance.notes.size());  // the last window may be left out
  CHECK(cut_windows({}, 2.0).empty());

  const auto note = [](double start, double end) { return Note{.start = {start}, .end = {end}}; };
  const auto long_enough = cut_windows(make_performance({note(1, 2), note(11.5, 16), note(21.5, 27)}), 10);
  REQUIRE(long_enough.size() == 3);
  CHECK(long_enough[1].notes[0].start.value == Approx(0.5));
  CHECK(long_enough[1].notes[0].end.value == Approx(5));
  CHECK(long_enough[1].duration.value == 10);
  CHECK(long_enough[2].duration.value == Approx(6));
  CHECK(cut_windows(make_performance({note(1, 2), note(11.5, 16), note(21.5, 25)}), 10).size() == 2);
  const auto only = cut_windows(make_performance({note(1, 2)}), 10);
  REQUIRE(only.size() == 1);
  CHECK(only[0].duration.value == Approx(1));
}

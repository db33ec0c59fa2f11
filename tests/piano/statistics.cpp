// SPDX-License-Identifier: MIT
#include "piano/evaluation/statistics.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace rondo;
using namespace piano;
using namespace rondo::music;

TEST_CASE("Statistics of a small performance, worked by hand") {
  const auto note = [](double start, double end, int pitch, int velocity) {
    return Note{.start = {start},
                .end = {end},
                .pitch = static_cast<std::uint8_t>(pitch),
                .velocity = static_cast<std::uint8_t>(velocity)};
  };
  const Statistics s = describe(
      make_performance({note(1, 2, 60, 60), note(1.01, 2, 64, 80), note(1.5, 2.5, 72, 70), note(4, 5, 48, 70)}));
  CHECK(s.notes == 4);
  CHECK(s.seconds == Approx(4));
  CHECK(s.notes_per_second == Approx(1));
  CHECK(s.mean_polyphony == Approx(3.99 / 2.5));  // 1..2.5 and 4..5 are covered
  CHECK(s.mean_velocity == Approx(70));
  CHECK(s.velocity_std == Approx(std::sqrt(50)));
  CHECK(s.mean_duration == Approx(3.99 / 4));
  CHECK(s.mean_onset_interval == Approx(1.5));  // 1 -> 1.5 -> 4; the chord is one onset
  CHECK(s.mean_pitch_step == Approx((4 + 8 + 24) / 3.0));
  CHECK(s.pitch_range == 24);
  CHECK(s.pitch_count == 4);
  // C E C C: of three steps two leave C and two reach it
  CHECK(s.pitch_class_transitions[0 * 12 + 4] == Approx(1 / 3.0));
  CHECK(s.pitch_class_transitions[4 * 12 + 0] == Approx(1 / 3.0));
  CHECK(s.pitch_class_transitions[0 * 12 + 0] == Approx(1 / 3.0));
  CHECK(s.duration_transitions[8 * 12 + 8] == Approx(1));
  CHECK(s.pitch_classes[0] == Approx(0.75));
  CHECK(s.pitch_classes[4] == Approx(0.25));
  CHECK(s.pitch_class_entropy == Approx(0.25 * 2 - 0.75 * std::log2(0.75)));
  CHECK(s.pitch_entropy == Approx(2));
  CHECK(s.velocities[14] == Approx(0.25));
  CHECK(s.durations[8] == Approx(1));           // .8 to 1.25 s
  CHECK(s.onset_intervals[7] == Approx(0.5));   // .5 to .8 s
  CHECK(s.onset_intervals[10] == Approx(0.5));  // 2 to 5 s
  CHECK(describe(make_performance({note(1, 2, 60, 60)}), 4).notes_per_second == Approx(0.25));
  CHECK(describe({}).notes_per_second == 0);
}

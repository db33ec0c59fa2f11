// SPDX-License-Identifier: MIT
#include <limits>

#include <rondo/midi/compose.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include "support/catch.hpp"

using namespace rondo::midi;

namespace {

using Played = Performance<Seconds>;

Played again(const Played& performance) { return extract<Seconds>(read(write(compose(performance))).file); }

}  // namespace

TEST_CASE("a performance on the 10 ms grid is reproduced exactly") {
  Played p;
  for (int k = 0; k < 3000; ++k) {
    const Seconds start{0.01 * (7 * k / 2)};
    p.notes.push_back({start,
                       {0.01 * (7 * k / 2 + 5 + k % 40)},
                       static_cast<std::uint8_t>(21 + k % 88),
                       static_cast<std::uint8_t>(1 + k % 127)});
    p.controls.push_back({start, 64, static_cast<std::uint8_t>(k % 128)});
  }
  p.pitch_bends.push_back({{1.23}, -100, 2});
  p.duration = {200};
  std::sort(p.notes.begin(), p.notes.end(), detail::note_order<Seconds>);
  const File file = compose(p);
  CHECK(file.format == Format::single_track);
  const Played q = extract<Seconds>(read(write(file)).file);

  REQUIRE(q.notes.size() == p.notes.size());
  for (std::size_t k = 0; k < p.notes.size(); ++k) {
    CHECK(q.notes[k].start.value == Approx(p.notes[k].start.value).margin(1e-9));
    CHECK(q.notes[k].end.value == Approx(p.notes[k].end.value).margin(1e-9));
    CHECK((q.notes[k].pitch == p.notes[k].pitch && q.notes[k].velocity == p.notes[k].velocity));
  }
  REQUIRE(q.controls.size() == p.controls.size());
  for (std::size_t k = 0; k < p.controls.size(); ++k) CHECK(q.controls[k].value == p.controls[k].value);
  REQUIRE(q.pitch_bends.size() == 1);
  CHECK((q.pitch_bends[0].value == -100 && q.pitch_bends[0].channel == 2));
  CHECK(q.duration.value == Approx(200));
  CHECK(again(q) == q);  // times on the grid of ticks are bit-identical
}

TEST_CASE("one tick is one millisecond at 120 bpm, the default tempo") {
  const File file = compose({{{{0.0104}, {0.0206}, 60, 64, 0, 0}}, {}, {}, {}, 0, 0, 0, {}}, "Rondo");
  REQUIRE(file.tracks.size() == 1);
  const auto& e = file.tracks[0].events;
  REQUIRE(e.size() == 4);
  CHECK(file.tracks[0].text(e[0]) == "Rondo");
  CHECK(tempo(file.tracks[0].payload(e[1])) == 500000);
  CHECK(file.division == Division::metrical(500));
  CHECK(e[2].time == Ticks{10});
  CHECK(e[3].time == Ticks{21});
}

TEST_CASE("repeated notes and notes of zero length keep their order") {
  Played p;
  p.notes = {{{0}, {1}, 60, 10}, {{1}, {1}, 60, 20}, {{1}, {2}, 60, 30}, {{2}, {3}, 60, 40}};
  p.duration = {3};
  CHECK(again(p) == p);
}

TEST_CASE("at equal times controllers come first, then note-offs, then note-ons") {
  Played p;
  p.notes = {{{0}, {1}, 60, 10}, {{1}, {2}, 61, 20}};
  p.controls = {{{1}, 64, 127}, {{1}, 64, 0}};
  const File file = compose(p);
  const auto& e = file.tracks[0].events;
  REQUIRE(e.size() == 7);
  CHECK((e[2].data2 == 127 && e[3].data2 == 0 && e[4].is_note_off() && e[5].is_note_on()));
}

TEST_CASE("several tracks are written in format 1") {
  Played p;
  p.notes = {{{0}, {1}, 60, 10, 0, 1}, {{0}, {1}, 61, 10, 5, 3}};
  p.duration = {1};
  const File file = compose(p, "two hands");
  CHECK(file.format == Format::simultaneous);
  REQUIRE(file.tracks.size() == 4);
  CHECK(file.tracks[0].text(file.tracks[0].events.at(0)) == "two hands");
  for (const Track& track : file.tracks) CHECK(track.end == Ticks{1000});
  CHECK(extract<Seconds>(read(write(file)).file) == p);
}

TEST_CASE("invalid times are an error") {
  const auto with = [](double start, double end) {
    Played p;
    p.notes = {{{start}, {end}, 60, 10}};
    return p;
  };
  CHECK_THROWS_AS(compose(with(1, 0.5)), std::invalid_argument);
  CHECK_THROWS_AS(compose(with(-1, 0.5)), std::invalid_argument);
  CHECK_THROWS_AS(compose(with(0, std::numeric_limits<double>::infinity())), std::invalid_argument);
  CHECK_THROWS_AS(compose(with(std::numeric_limits<double>::quiet_NaN(), 1)), std::invalid_argument);
  CHECK_NOTHROW(compose(with(0, 0)));
}

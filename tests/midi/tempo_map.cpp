// SPDX-License-Identifier: MIT
#include <rondo/midi/summary.hpp>
#include <rondo/midi/tempo_map.hpp>

#include "support/catch.hpp"

using namespace rondo::midi;

namespace {

void add_tempo(Track& track, std::int64_t tick, std::uint32_t microseconds) {
  track.add_meta({tick}, meta::kTempo, tempo_payload(microseconds));
}

}  // namespace

TEST_CASE("without tempo events the tempo is 120 bpm") {
  const TempoMap map(File{Format::simultaneous, Division::metrical(480), std::vector<Track>(1)});
  CHECK(map.seconds({0}).value == 0);
  CHECK(map.seconds({960}).value == Approx(1.0));
  CHECK(map.ticks({1.0}) == Ticks{960});
}

TEST_CASE("tempi of all tracks apply, and the last one of a tick wins") {
  File file{Format::simultaneous, Division::metrical(100), std::vector<Track>(3)};
  add_tempo(file.tracks[2], 100, 1'000'000);  // 10 ms per tick
  add_tempo(file.tracks[1], 300, 2'000'000);  // 20 ms; replaced by the next
  add_tempo(file.tracks[1], 300, 250'000);    // 2.5 ms
  const TempoMap map(file);
  REQUIRE(map.segments().size() == 3);
  CHECK(map.seconds({100}).value == Approx(0.5));
  CHECK(map.seconds({101}).value == Approx(0.51));
  CHECK(map.seconds({300}).value == Approx(2.5));
  CHECK(map.seconds({340}).value == Approx(2.6));

  add_tempo(file.tracks[0], 0, 500'000);
  add_tempo(file.tracks[2], 300, 500'000);  // a later track comes later
  CHECK(TempoMap(file).seconds({340}).value == Approx(2.7));
}

TEST_CASE("a tempo of 0 or of a wrong length changes nothing") {
  File file{Format::simultaneous, Division::metrical(100), std::vector<Track>(1)};
  add_tempo(file.tracks[0], 0, 0);
  const std::uint8_t two[] = {1, 2};
  file.tracks[0].add_meta({0}, meta::kTempo, two);
  CHECK(TempoMap(file).seconds({100}).value == Approx(0.5));
}

TEST_CASE("hints only affect speed; ticks is the inverse of seconds") {
  File file{Format::simultaneous, Division::metrical(480), std::vector<Track>(1)};
  for (int k = 0; k < 50; ++k)
    add_tempo(file.tracks[0], 100 * k, static_cast<std::uint32_t>(200'000 + 37'777 * (k % 13)));
  const TempoMap map(file);
  std::size_t hint = 0;
  const auto check = [&](std::int64_t tick) {
    const Seconds s = map.seconds({tick});
    CHECK(map.seconds({tick}, hint) == s);
    CHECK(map.ticks(s) == Ticks{tick});
  };
  for (std::int64_t tick = 0; tick < 6000; tick += 7) check(tick);
  for (std::int64_t tick = 6000; tick > 0; tick -= 111) check(tick);
}

TEST_CASE("SMPTE ticks have a fixed length whatever the tempo") {
  const auto one_second = [](Division d, std::int64_t ticks) {
    File file{Format::simultaneous, d, std::vector<Track>(1)};
    add_tempo(file.tracks[0], 0, 123'456);
    return TempoMap(file).seconds({ticks}).value;
  };
  CHECK(one_second(Division::smpte(25, 40), 1000) == Approx(1.0));
  CHECK(one_second(Division::smpte(24, 100), 2400) == Approx(1.0));
  CHECK(one_second(Division::smpte(30, 80), 2400) == Approx(1.0));
  CHECK(one_second(Division::smpte(29, 80), 30000 * 80) == Approx(1001.0));
}

TEST_CASE("in format 2 each track has its own tempo") {
  File file{Format::sequential, Division::metrical(100), std::vector<Track>(2)};
  add_tempo(file.tracks[0], 0, 1'000'000);
  file.tracks[1].end = {400};
  CHECK(TempoMap(file, 0).seconds({100}).value == Approx(1.0));
  CHECK(TempoMap(file, 1).seconds({100}).value == Approx(0.5));
  CHECK(duration(file).value == Approx(2.0));
  file.format = Format::simultaneous;
  CHECK(TempoMap(file, 1).seconds({100}).value == Approx(1.0));
  CHECK(duration(file).value == Approx(4.0));
}

// SPDX-License-Identifier: MIT
// The events of a track: all types, and their deviations in files.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <rondo/midi/notes.hpp>
#include <rondo/midi/writer.hpp>

#include "bytes.hpp"
#include "support/catch.hpp"

using namespace bytes;
using namespace rondo::midi;

namespace {

/// The first event of a format-0 file is here.
constexpr std::size_t kFirst = 22;

ReadResult read_events(const Bytes& events) {
  ReadResult r = read(one_track(events));
  REQUIRE(r.file.tracks.size() == 1);
  CHECK(read(write(r.file)).file == r.file);
  return r;
}

std::vector<std::uint8_t> payload(const ReadResult& r, std::size_t event) {
  const auto bytes = r.file.tracks[0].payload(r.file.tracks[0].events.at(event));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("every type of event is kept") {
  const ReadResult r = read_events({
      0x00, 0x91, 60,   100,              // note on
      0x81, 0x00, 0xA1, 60,   50,         // poly pressure, 128 ticks later
      0x00, 0xB1, 64,   127,              // control change
      0x00, 0xC1, 5,                      // program change
      0x00, 0xD1, 33,                     // channel pressure
      0x00, 0xE1, 0x01, 0x40,             // pitch bend by 1
      0x00, 0x81, 60,   12,               // note off
      0x00, 0xF0, 3,    0x7E, 9,   0xF7,  // system exclusive
      0x00, 0xF7, 1,    0xFA,             // escape
      0x05, 0xFF, 0x01, 2,    'h', 'i',   // text
      0x00, 0xFF, 0x7F, 0,                // sequencer-specific, empty
  });
  CHECK(r.diagnostics.empty());
  const auto& e = r.file.tracks[0].events;
  REQUIRE(e.size() == 11);
  const Kind kinds[] = {
      Kind::note_on,    Kind::poly_pressure, Kind::control_change, Kind::program_change, Kind::channel_pressure,
      Kind::pitch_bend, Kind::note_off,      Kind::sysex,          Kind::escape,         Kind::meta,
      Kind::meta};
  for (std::size_t k = 0; k < 11; ++k) CHECK(e[k].kind() == kinds[k]);
  CHECK(e[0].channel() == 1);
  CHECK(e[0].time == Ticks{0});
  CHECK(e[1].time == Ticks{128});
  CHECK((e[2].data1 == 64 && e[2].data2 == 127));
  CHECK((e[3].data1 == 5 && e[3].data2 == 0));
  CHECK(e[4].data1 == 33);
  CHECK(e[5].bend() == 1);
  CHECK(e[6].data2 == 12);
  CHECK(payload(r, 7) == Bytes{0x7E, 9, 0xF7});
  CHECK(payload(r, 8) == Bytes{0xFA});
  CHECK(r.file.tracks[0].text(e[9]) == "hi");
  CHECK(e[9].time == Ticks{133});
  CHECK(payload(r, 10).empty());
  CHECK(payload(r, 0).empty());
}

TEST_CASE("running status") {
  const ReadResult r = read_events({0, 0x90, 60, 64, 10, 60, 0, 0, 0xC2, 1, 0, 2});
  CHECK(r.diagnostics.empty());
  const auto& e = r.file.tracks[0].events;
  REQUIRE(e.size() == 4);
  CHECK((e[1].is_note_off() && e[1].time == Ticks{10}));
  CHECK((e[3].kind() == Kind::program_change && e[3].data1 == 2));
}

TEST_CASE("running status continues after meta and system-exclusive events, with a diagnostic") {
  const Bytes text_event{0, 0xFF, 0x01, 1, 'x'};
  const Bytes sysex{0, 0xF0, 1, 0xF7};
  for (const Bytes& between : {text_event, sysex}) {
    const ReadResult r = read_events(join({{0, 0x90, 60, 64}, between, {7, 60, 0}, {7, 61, 9}}));
    const auto& e = r.file.tracks[0].events;
    REQUIRE(e.size() == 4);
    CHECK((e[2].is_note_off() && e[2].data1 == 60 && e[2].time == Ticks{7}));
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, kFirst + 4 + between.size() + 1, 0, "running status after"));
  }
}

TEST_CASE("a status byte after a meta event restarts running status") {
  const ReadResult r = read_events({0, 0x90, 60, 64, 0, 0xFF, 0x01, 0, 7, 0x90, 60, 0, 7, 61, 9});
  CHECK(r.file.tracks[0].events.size() == 4);
  CHECK(r.diagnostics.empty());
}

TEST_CASE("events with every length of delta and payload") {
  std::mt19937 random(1);
  const auto below = [&](unsigned n) { return static_cast<std::uint8_t>(random() % n); };
  std::vector<Event> wanted;
  Bytes content;
  Ticks time{};
  std::uint8_t running = 0;
  for (int k = 0; k < 20000; ++k) {
    // A delta of one to four bytes; leading bytes may be zero except for the upper bit.
    std::uint32_t delta = 0;
    for (unsigned more = below(8) < 6 ? below(2) : below(4); more > 0; --more) {
      content.push_back(static_cast<std::uint8_t>(0x80 | below(128)));
      delta = delta << 7 | (content.back() & 0x7Fu);
    }
    content.push_back(below(128));
    time += Ticks{delta << 7 | content.back()};

    const auto status = static_cast<std::uint8_t>(below(3) == 0 && running != 0 ? running : 0x80 + below(0x70));
    if (status != running || below(2) == 0) content.push_back(status);
    running = status;
    wanted.push_back({time, status, below(128), data_bytes(status) == 2 ? below(128) : std::uint8_t{0}, 0});
    content.push_back(wanted.back().data1);
    if (data_bytes(status) == 2) content.push_back(wanted.back().data2);
  }
  const ReadResult r = read_events(content);
  CHECK(r.diagnostics.empty());
  const auto& events = r.file.tracks[0].events;
  CHECK(std::equal(events.begin(), events.end(), wanted.begin(), wanted.end(), [](const Event& a, const Event& b) {
    return a.time == b.time && a.status == b.status && a.data1 == b.data1 && a.data2 == b.data2;
  }));
}

TEST_CASE("a diagnostic of an invalid event has its offset") {
  const Bytes plain{0, 0x90, 60, 64, 10, 60, 0};
  for (const std::size_t at : {std::size_t{2}, std::size_t{3}, std::size_t{6}}) {  // at 5 it would be a status byte
    Bytes faulty = plain;
    faulty[at] = 0xC8;
    const ReadResult r = read_events(join({plain, faulty, plain}));
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, kFirst + plain.size() + at, 0, "taken as 127"));
    CHECK(r.file.tracks[0].events.size() == 6);
  }
}

TEST_CASE("data bytes without a running status are skipped up to the next status") {
  const ReadResult r = read_events({0, 60, 64, 10, 0x90, 62, 64, 5, 62, 0});
  const auto& e = r.file.tracks[0].events;
  REQUIRE(e.size() == 2);
  CHECK(e[0].data1 == 62);
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, kFirst + 1, 0, "3 data bytes before any status"));
}

TEST_CASE("a data byte above 127 is read as 127") {
  const ReadResult r = read_events({0, 0x90, 60, 200, 5, 0x80, 60, 0, 0, 0xB0, 64, 255, 0, 0xC0, 130});
  const auto& e = r.file.tracks[0].events;
  REQUIRE(e.size() == 4);
  CHECK((e[0].data2 == 127 && e[2].data2 == 127 && e[3].data1 == 127));
  CHECK(r.diagnostics.size() == 3);
  CHECK(has_diagnostic(r, kFirst + 3, 0, "data byte 200"));
}

TEST_CASE("system messages inside a track are dropped with their data, and their delta times are kept") {
  const ReadResult r = read_events({0,    0x90, 60,   64,                                           //
                                    1,    0xF1, 5,    1,    0xF2, 5,    6,    1,    0xF3, 5,        // with data
                                    1,    0xF4, 1,    0xF5, 1,    0xF6, 1,    0xF8, 1,    0xF9, 1,  // without
                                    0xFA, 1,    0xFB, 1,    0xFC, 1,    0xFD, 1,    0xFE,           //
                                    1,    60,   0});
  const auto& e = r.file.tracks[0].events;
  REQUIRE(e.size() == 2);
  CHECK((e[1].is_note_off() && e[1].time == Ticks{14}));
  CHECK(r.diagnostics.size() == 13);
  CHECK(has_diagnostic(r, kFirst + 5, 0, "system message 241"));
}

TEST_CASE("variable-length quantities saturate") {
  ReadResult r = read_events({0xFF, 0xFF, 0xFF, 0x7F, 0x90, 60, 64});
  CHECK(r.file.tracks[0].events[0].time == Ticks{0x0FFFFFFF});
  CHECK(r.diagnostics.empty());

  r = read_events({0x8F, 0xFF, 0xFF, 0xFF, 0x7F, 0x90, 60, 64});  // five bytes, 2^32 - 1
  CHECK(r.file.tracks[0].events[0].time == Ticks{0x0FFFFFFF});
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, kFirst, 0, "5 bytes"));

  r = read_events({0x80, 0x80, 0x80, 0x80, 0x80, 0x05, 0x90, 60, 64});  // many bytes, small value
  CHECK(r.file.tracks[0].events[0].time == Ticks{5});
  CHECK(has_diagnostic(r, kFirst, 0, "6 bytes, taken as 5"));

  // Around a dropped event two deltas make one; the writer must still be able to express it.
  r = read_events({0xFF, 0xFF, 0xFF, 0x7F, 0xF8, 0xFF, 0xFF, 0xFF, 0x7F, 0x90, 60, 64});
  CHECK(r.file.tracks[0].events[0].time == Ticks{0x0FFFFFFF});
}

TEST_CASE("meta events with a wrong payload are kept and reported") {
  struct Case {
    Bytes event;
    const char* about;
  };
  const Case cases[] = {
      {{0xFF, 0x00, 1, 0}, "sequence number"},
      {{0xFF, 0x20, 0}, "channel prefix"},
      {{0xFF, 0x20, 1, 16}, "channel prefix"},
      {{0xFF, 0x21, 2, 0, 0}, "port"},
      {{0xFF, 0x51, 2, 7, 7}, "tempo without"},
      {{0xFF, 0x51, 3, 0, 0, 0}, "tempo of 0"},
      {{0xFF, 0x54, 0}, "SMPTE offset without"},
      {{0xFF, 0x54, 5, 0, 0, 0, 24, 0}, "SMPTE offset out of range"},
      {{0xFF, 0x58, 0}, "time signature without"},
      {{0xFF, 0x59, 0}, "key signature without"},
      {{0xFF, 0x59, 2, 8, 0}, "beyond 7"},
      {{0xFF, 0x59, 2, 0xF8, 0}, "beyond 7"},
      {{0xFF, 0x59, 2, 0, 2}, "neither major nor minor"},
      {{0xFF, 0x80, 0}, "beyond 127"},
  };
  for (const Case& c : cases) {
    const ReadResult r = read_events(join({{0}, c.event, kNote}));
    CHECK(r.file.tracks[0].events.size() == 3);
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, kFirst + 1, 0, c.about));
    CHECK(TempoMap(r.file).seconds(Ticks{96}).value == Approx(0.5));
  }
  const Bytes fine[] = {{0xFF, 0x00, 0},
                        {0xFF, 0x00, 2, 0, 1},
                        {0xFF, 0x54, 5, 0x60, 0, 0, 29, 99},
                        {0xFF, 0x58, 4, 6, 3, 36, 8},
                        {0xFF, 0x59, 2, 0xF9, 1}};
  for (const Bytes& event : fine) CHECK(read_events(join({{0}, event})).diagnostics.empty());
}

TEST_CASE("a payload that extends past the end is the rest of the track") {
  for (const Bytes& event : {Bytes{0, 0xFF, 0x01, 0xFF, 0xFF, 0xFF, 0x7F, 'x'}, Bytes{0, 0xF0, 0xFF, 0x7F, 'x'}}) {
    const ReadResult r = read(join({header(1, 2), track(join({kNote, event})), track(join({kNote, kEnd}))}));
    REQUIRE(r.file.tracks.size() == 2);
    CHECK(r.file.tracks[0].events.size() == 2);
    CHECK(r.file.tracks[1].events.size() == 2);
    CHECK(has_diagnostic(r, kFirst + 8, 0, "cut off"));
  }
}

TEST_CASE("end of track") {
  SECTION("its time is the track's end") {
    const ReadResult r = read(join({header(0, 1), track(join({kNote, {0x83, 0x00, 0xFF, 0x2F, 0}}))}));
    CHECK(r.diagnostics.empty());
    CHECK(r.file.tracks[0].end == Ticks{96 + 384});
    CHECK(read(write(r.file)).file == r.file);
  }
  SECTION("with a payload") {
    const ReadResult r = read(join({header(0, 1), track(join({kNote, {0, 0xFF, 0x2F, 1, 7}}))}));
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, kFirst + 9, 0, "end of track with a payload of 1"));
  }
}

TEST_CASE("the number of diagnostics is limited, and the limit is reported") {
  Bytes events;
  for (int k = 0; k < 500; ++k) events.insert(events.end(), {0, 0xF8});
  const ReadResult r = read_events(events);
  REQUIRE(r.diagnostics.size() == Diagnostics::kMaximum + 1);
  CHECK(r.diagnostics.back().message == "400 further diagnostics from here on are not listed");
  CHECK(r.diagnostics.back().offset == kFirst + 201);
}

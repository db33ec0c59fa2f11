// SPDX-License-Identifier: MIT
// Keys that are struck again, and notes that have no note-off: files by hand, with the expected notes and reasons.
#include <algorithm>
#include <string>
#include <vector>

#include <rondo/midi/notes.hpp>

#include "bytes.hpp"
#include "support/catch.hpp"

using namespace bytes;
using namespace rondo::midi;

namespace {

using TickNote = Note<Ticks>;
using TickNotes = std::vector<TickNote>;

// A quarter note has 96 ticks and lasts half a second: 192 ticks are a second.
constexpr std::uint8_t kC = 60, kE = 64, kLow = 40, kVelocity = 70;

Bytes delta(int ticks) {
  return ticks < 128 ? Bytes{static_cast<std::uint8_t>(ticks)}
                     : Bytes{static_cast<std::uint8_t>(0x80 | ticks >> 7), static_cast<std::uint8_t>(ticks & 0x7F)};
}
Bytes on(int after, std::uint8_t pitch) { return join({delta(after), {0x90, pitch, kVelocity}}); }
Bytes off(int after, std::uint8_t pitch) { return join({delta(after), {0x80, pitch, 0}}); }
Bytes pedal(int after, std::uint8_t value) { return join({delta(after), {0xB0, 64, value}}); }
Bytes end(int after) { return join({delta(after), {0xFF, 0x2F, 0x00}}); }

Performance<Ticks> played(std::initializer_list<Bytes> events) {
  return extract<Ticks>(read(join({header(0, 1), track(join(events))})).file);
}

TickNote note(int start, int end, std::uint8_t pitch, std::uint16_t track = 0) {
  return {{start}, {end}, pitch, kVelocity, 0, track};
}

}  // namespace

TEST_CASE("a key that is struck again ends its former note") {
  // The first note has no note-off. Pairing first in, first out would give it that of the second note, and so on.
  const auto p = played({on(0, kC), on(48, kC), off(40, kC), on(8, kC), off(40, kC), end(2000)});
  CHECK(p.notes == TickNotes{note(0, 48, kC), note(48, 88, kC), note(96, 136, kC)});
  CHECK((p.restruck_notes == 1 && p.hanging_notes == 0 && p.orphan_note_offs == 0 && p.diagnostics.empty()));
}

TEST_CASE("a note-off that comes shortly after the next note-on is that of the former note") {
  // Legato: each note is released 4 ticks after the next one begins, or at the same time.
  const auto late = played({on(0, kC), on(48, kC), off(4, kC), on(44, kC), off(4, kC), off(44, kC), end(0)});
  CHECK(late.notes == TickNotes{note(0, 48, kC), note(48, 96, kC), note(96, 144, kC)});
  CHECK((late.restruck_notes == 2 && late.hanging_notes == 0 && late.orphan_note_offs == 0));
  const auto at_once = played({on(0, kC), on(48, kC), off(0, kC), off(48, kC), end(0)});
  CHECK(at_once.notes == TickNotes{note(0, 48, kC), note(48, 96, kC)});
  CHECK(at_once.restruck_notes == 0);
}

TEST_CASE("a note-off long after the last event of a key is not that of an earlier note") {
  // As of programs that release all keys at the end. 10 s later the note-off has no note.
  const auto p = played({on(0, kC), on(48, kC), off(48, kC), off(1920, kC), end(0)});
  CHECK(p.notes == TickNotes{note(0, 48, kC), note(48, 96, kC)});
  CHECK(p.orphan_note_offs == 1);
}

TEST_CASE("a key that is struck twice at one time sounds once") {
  const auto p = played({on(0, kC), on(0, kC), off(48, kC), off(0, kC), end(0)});
  CHECK(p.notes == TickNotes{note(0, 48, kC)});
  CHECK((p.restruck_notes == 1 && p.orphan_note_offs == 0));
}

TEST_CASE("tracks and channels have keys of their own") {
  const Bytes other = join({delta(10), {0x91, kC, kVelocity}, delta(20), {0x81, kC, 0}});
  const auto p = extract<Ticks>(read(join({header(1, 2), track(join({on(0, kC), other, off(18, kC), end(0)})),
                                           track(join({on(30, kC), off(20, kC), end(0)}))}))
                                    .file);
  CHECK(p.notes == TickNotes{note(0, 48, kC), {{10}, {30}, kC, kVelocity, 1, 0}, note(30, 50, kC, 1)});
  CHECK(p.restruck_notes == 0);
}

TEST_CASE("the pedal's release ends a note without a note-off") {
  // The pedal goes up at 10 and down again at 20, as pianists do between chords; then up at 300.
  const auto p = played(
      {pedal(0, 127), on(0, kC), pedal(10, 0), pedal(10, 100), pedal(280, 63), on(0, kE), off(96, kE), end(2000)});
  CHECK(p.notes == TickNotes{note(0, 300, kC), note(300, 396, kE)});
  CHECK(p.hanging_notes == 1);
  // The header has 14 bytes, that of the track 8; the pedal has 4, the delta time 1.
  REQUIRE(p.diagnostics.size() == 1);
  CHECK(p.diagnostics[0] ==
        Diagnostic{27, 0, "note 60 without a note-off, ended after 1563 ms by the release of the pedal"});
}

TEST_CASE("the next silence ends a note without a note-off") {
  // Another note until 288, which begins 95 ticks after the one before: less than half a second. Then nothing until
  // 400.
  const auto p =
      played({on(0, kLow), on(0, kC), off(97, kC), on(95, kE), off(96, kE), on(112, kE), off(48, kE), end(2000)});
  CHECK(p.notes == TickNotes{note(0, 288, kLow), note(0, 97, kC), note(192, 288, kE), note(400, 448, kE)});
  REQUIRE(p.diagnostics.size() == 1);
  CHECK(p.diagnostics[0] == Diagnostic{23, 0, "note 40 without a note-off, ended after 1500 ms by a silence"});
}

TEST_CASE("a note without a note-off in a silence lasts half a second") {
  const auto p = played({on(0, kC), end(2000)});
  CHECK(p.notes == TickNotes{note(0, 96, kC)});
  CHECK(p.hanging_notes == 1);
}

TEST_CASE("a note without a note-off lasts at most five seconds, and not beyond its track") {
  std::vector<Bytes> parts{on(0, kLow)};
  for (int k = 0; k < 30; ++k) parts.insert(parts.end(), {on(0, kC), off(90, kC)});
  Bytes music;
  for (const Bytes& part : parts) music = join({music, part});
  const auto p = played({music, on(0, kE), end(30)});
  REQUIRE(p.notes.size() == 32);
  CHECK(p.notes.front() == note(0, 960, kLow));
  CHECK(p.notes.back() == note(2700, 2730, kE));
  REQUIRE(p.diagnostics.size() == 2);
  CHECK(p.diagnostics[0].message == "note 40 without a note-off, ended after 5000 ms by the limit of 5 s");
  CHECK(p.diagnostics[1].message == "note 64 without a note-off, ended after 156 ms by the end of its track");
}

TEST_CASE("the same key, struck much later, does not end a note without a note-off") {
  const auto p = played({on(0, kC), on(1000, kC), off(48, kC), end(0)});
  CHECK(p.notes == TickNotes{note(0, 96, kC), note(1000, 1048, kC)});
  CHECK((p.hanging_notes == 1 && p.restruck_notes == 0 && p.diagnostics.size() == 1));
}

TEST_CASE("diagnostics have the offset of a note-on with running status") {
  const auto p = played({on(0, kC), {0x10, kE, kVelocity}, off(32, kC), end(500)});
  REQUIRE(p.diagnostics.size() == 1);
  CHECK(p.diagnostics[0].offset == 27);
}

TEST_CASE("ticks and seconds agree on notes without a note-off, over changes of tempo and in format 2") {
  const Bytes slow{0x60, 0xFF, 0x51, 3, 0x0F, 0x42, 0x40};  // a second for each quarter note from tick 96 on
  const Bytes events = join({on(0, kLow), slow, on(0, kC), off(96, kC), end(2000)});
  for (const int format : {1, 2}) {
    // In format 2 the second track has no slow tempo, and its notes do not sound together with those of the first.
    const File file = read(join({header(static_cast<std::uint32_t>(format), 2), track(events),
                                 track(join({on(0, kE), off(200, kE), on(500, kE), end(2000)}))}))
                          .file;
    const auto ticks = extract<Ticks>(file);
    const auto seconds = extract<Seconds>(file);
    // Format 1: the last note begins at 700 and lasts half a slow second, 48 ticks; format 2: 96 ticks.
    const int last = format == 1 ? 748 : 796;
    // Format 1: the music with E ends at 200; format 2: C begins half a second later, after a silence.
    const int first = format == 1 ? 200 : 96;
    CHECK(ticks.notes ==
          TickNotes{note(0, first, kLow), note(0, 200, kE, 1), note(96, 192, kC), note(700, last, kE, 1)});
    REQUIRE(seconds.notes.size() == ticks.notes.size());
    for (std::size_t i = 0; i < ticks.notes.size(); ++i) {
      const TempoMap map(file, ticks.notes[i].track);
      CHECK(seconds.notes[i].start == map.seconds(ticks.notes[i].start));
      CHECK(seconds.notes[i].end == map.seconds(ticks.notes[i].end));
    }
    CHECK(seconds.diagnostics == ticks.diagnostics);
  }
}

TEST_CASE("a piece with many missing note-offs: no note lasts for minutes") {
  // Two minutes of two voices; every seventh note-off of the upper one is missing. Paired first in, first out, the
  // notes of each key take the note-offs of later ones, and the last ones end with the track.
  Bytes music;
  int missing = 0;
  for (int k = 0; k < 480; ++k) {
    const auto upper = static_cast<std::uint8_t>(kC + k * 5 % 12);
    music = join({music, on(k == 0 ? 0 : 8, upper), on(0, kLow), off(40, kLow)});
    if (k % 7 == 3)
      ++missing;
    else
      music = join({music, off(0, upper)});
  }
  const File file = read(one_track(music)).file;
  const auto longest = [](const Performance<Seconds>& p) {
    double most = 0;
    for (const auto& n : p.notes) most = std::max(most, (n.end - n.start).value);
    return most;
  };
  const auto strict = extract<Seconds>(file, NotePairing::first_in_first_out);
  const auto now = extract<Seconds>(file);
  CHECK(missing == 69);
  CHECK((strict.notes.size() == 960 && now.notes.size() == 960));
  CHECK(strict.hanging_notes == 69);
  CHECK(longest(strict) > 18);
  CHECK(now.restruck_notes + now.hanging_notes == 69);
  CHECK(now.diagnostics.size() == now.hanging_notes);
  CHECK(longest(now) <= 3);
  const auto all = [](const Performance<Seconds>& p) {
    double sum = 0;
    for (const auto& n : p.notes) sum += (n.end - n.start).value;
    return sum;
  };
  CHECK((all(strict) > 4305 && all(now) < 389));
  CHECK(now.hanging_notes == 2);
}

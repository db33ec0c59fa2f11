// SPDX-License-Identifier: MIT
#include <type_traits>

#include <rondo/midi/notes.hpp>
#include <rondo/midi/summary.hpp>

#include "support/catch.hpp"

using namespace rondo::midi;

namespace {

using TickNote = Note<Ticks>;

File file_of(std::vector<std::vector<Event>> tracks) {
  File file{Format::simultaneous, Division::metrical(100), {}};
  for (const auto& events : tracks) {
    for (Track& track = file.tracks.emplace_back(); const Event& event : events) track.add(event);
  }
  return file;
}

std::vector<TickNote> notes(const std::vector<Event>& events) { return extract<Ticks>(file_of({events})).notes; }

Performance<Ticks> strict(const File& file) { return extract<Ticks>(file, NotePairing::first_in_first_out); }

}  // namespace

static_assert(!std::is_convertible_v<Ticks, Seconds> && !std::is_assignable_v<Note<Seconds>&, Note<Ticks>>,
              "the two clocks must not mix");

TEST_CASE("a note-on and its note-off make a note") {
  CHECK(notes({note_on({5}, 3, 60, 70), note_off({9}, 3, 60)}) == std::vector<TickNote>{{{5}, {9}, 60, 70, 3, 0}});
  CHECK(notes({note_on({5}, 3, 60, 70), note_on({9}, 3, 60, 0)}) == std::vector<TickNote>{{{5}, {9}, 60, 70, 3, 0}});
}

TEST_CASE("strict: overlapping notes of one pitch end first in, first out") {
  const auto got =
      strict(file_of({{note_on({0}, 0, 60, 10), note_on({5}, 0, 60, 20), note_on({6}, 0, 60, 30), note_off({7}, 0, 60),
                       note_off({8}, 0, 60), note_on({8}, 0, 60, 40), note_off({20}, 0, 60), note_off({30}, 0, 60)}}))
          .notes;
  CHECK(got == std::vector<TickNote>{{{0}, {7}, 60, 10}, {{5}, {8}, 60, 20}, {{6}, {20}, 60, 30}, {{8}, {30}, 60, 40}});
}

TEST_CASE("channels, pitches and tracks do not end each other's notes") {
  const auto p = extract<Ticks>(file_of({{note_on({0}, 0, 60, 1), note_on({0}, 1, 60, 2), note_on({0}, 0, 61, 3),
                                          note_off({1}, 1, 60), note_off({2}, 0, 61), note_off({4}, 0, 60)},
                                         {note_off({1}, 0, 60), note_on({2}, 0, 60, 4), note_off({3}, 0, 60)}}));
  CHECK(p.notes ==
        std::vector<TickNote>{
            {{0}, {1}, 60, 2, 1, 0}, {{0}, {4}, 60, 1, 0, 0}, {{0}, {2}, 61, 3, 0, 0}, {{2}, {3}, 60, 4, 0, 1}});
  CHECK(p.orphan_note_offs == 1);
  CHECK(p.hanging_notes == 0);
}

TEST_CASE("strict: notes without a note-off last to the end of their track") {
  File file =
      file_of({{note_on({0}, 0, 60, 1), note_on({3}, 0, 60, 2), note_on({4}, 9, 127, 3)}, {note_on({1}, 0, 60, 4)}});
  file.tracks[0].end = {50};
  file.tracks[1].end = {70};
  const auto p = strict(file);
  CHECK((p.restruck_notes == 0 && p.diagnostics.empty()));
  CHECK(p.hanging_notes == 4);
  REQUIRE(p.notes.size() == 4);
  for (const TickNote& n : p.notes) CHECK(n.end == Ticks{n.track == 0 ? 50 : 70});
  CHECK(p.duration == Ticks{70});
}

TEST_CASE("notes of zero length are kept") {
  CHECK(notes({note_on({5}, 0, 60, 1), note_off({5}, 0, 60), note_on({5}, 0, 60, 2), note_off({6}, 0, 60)}) ==
        std::vector<TickNote>{{{5}, {5}, 60, 1}, {{5}, {6}, 60, 2}});
}

TEST_CASE("notes are sorted by start, pitch, end, over all tracks") {
  std::vector<std::vector<Event>> tracks(7);
  std::uint32_t dice = 1;
  const auto roll = [&](std::uint32_t sides) {
    return static_cast<int>((dice = dice * 1664525 + 1013904223) >> 8) % static_cast<int>(sides);
  };
  for (auto& track : tracks) {
    Ticks now{};
    for (int k = 0; k < 200; ++k) {
      now += Ticks{roll(3)};
      track.push_back(roll(2) != 0 ? note_on(now, 0, roll(128), 1 + roll(127))
                                   : control_change(now, 0, roll(128), k % 128));
    }
  }
  tracks[3].clear();
  const auto p = strict(file_of(tracks));
  CHECK(p.notes.size() + p.controls.size() == 1200);
  CHECK(p.notes.size() > 500);
  CHECK(std::is_sorted(p.notes.begin(), p.notes.end(), [](const TickNote& a, const TickNote& b) {
    return std::tuple(a.start, a.pitch, a.end, a.velocity) < std::tuple(b.start, b.pitch, b.end, b.velocity);
  }));
  CHECK(std::is_sorted(p.controls.begin(), p.controls.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.time, a.track) < std::tuple(b.time, b.track);
  }));
}

TEST_CASE("controllers and bends are kept in order") {
  const auto p =
      extract<Ticks>(file_of({{control_change({2}, 0, 64, 127), control_change({2}, 0, 1, 5),
                               control_change({2}, 0, 64, 0), pitch_bend({3}, 4, -8192), pitch_bend({4}, 4, 8191)},
                              {control_change({1}, 2, 67, 1), control_change({2}, 2, 66, 2)}}));
  using Change = ControlChange<Ticks>;
  CHECK(p.controls ==
        std::vector<Change>{
            {{1}, 67, 1, 2, 1}, {{2}, 64, 127, 0, 0}, {{2}, 1, 5, 0, 0}, {{2}, 64, 0, 0, 0}, {{2}, 66, 2, 2, 1}});
  CHECK(p.pitch_bends == std::vector<PitchBend<Ticks>>{{{3}, -8192, 4, 0}, {{4}, 8191, 4, 0}});
}

TEST_CASE("seconds follow the tempo map, in format 2 that of the track") {
  File file = file_of({{}, {note_on({100}, 0, 60, 1), note_off({300}, 0, 60)}});
  file.tracks[0].add_meta({200}, meta::kTempo, tempo_payload(1'000'000));
  auto p = extract<Seconds>(file);
  REQUIRE(p.notes.size() == 1);
  CHECK(p.notes[0].start.value == Approx(0.5));
  CHECK(p.notes[0].end.value == Approx(2.0));
  CHECK(p.duration.value == Approx(2.0));
  file.format = Format::sequential;
  p = extract<Seconds>(file);
  CHECK(p.notes[0].end.value == Approx(1.5));
}

TEST_CASE("pedal spans") {
  const auto p = extract<Ticks>(
      file_of({{control_change({0}, 0, 64, 63), control_change({1}, 0, 64, 64), control_change({2}, 0, 64, 127),
                control_change({3}, 0, 67, 0), control_change({4}, 0, 64, 63), control_change({5}, 0, 64, 0),
                control_change({6}, 0, 64, 100), control_change({6}, 0, 64, 0), control_change({7}, 0, 64, 100),
                note_on({9}, 0, 60, 1)},
               {control_change({2}, 1, 64, 127), control_change({8}, 1, 64, 1)}}));
  CHECK(pedal_spans(p) ==
        std::vector<PedalSpan<Ticks>>{{{1}, {4}, 0, 0}, {{2}, {8}, 1, 1}, {{6}, {6}, 0, 0}, {{7}, {9}, 0, 0}});
}

TEST_CASE("summary of a track") {
  File file = file_of({{note_on({5}, 0, 60, 70), note_on({6}, 9, 90, 70), note_off({9}, 0, 60), note_on({9}, 9, 90, 0),
                        control_change({9}, 0, 64, 1), control_change({9}, 0, 1, 1)}});
  file.tracks[0].add_text({9}, meta::kTrackName, "Piano");
  file.tracks[0].add_text({9}, meta::kTrackName, "other");
  const TrackSummary s = summarize(file.tracks[0]);
  CHECK((s.name == "Piano" && s.events == 8 && s.notes == 2 && s.controls == 2 && s.pedal_events == 1));
  CHECK((s.channels == (1 | 1 << 9) && s.lowest_pitch == 60 && s.highest_pitch == 90 && s.end == Ticks{9}));
}

// SPDX-License-Identifier: MIT
#include "piano/data/primer.hpp"

#include <rondo/music/augment.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using rondo::midi::Seconds;

/// Merges notes of one pitch, as a piano has one key for it: notes that begin in the same step become one, with the
/// longest duration and the highest velocity; a repeated note ends the one before.
std::vector<music::Note> merge_to_one_keyboard(std::vector<music::Note> notes) {
  std::stable_sort(notes.begin(), notes.end(),
                   [](const music::Note& a, const music::Note& b) { return a.start < b.start; });
  std::array<std::optional<std::size_t>, music::kPitches> last;  // in `kept`
  std::vector<music::Note> kept;
  for (const music::Note& note : notes) {
    auto& former = last[note.pitch & 127];
    if (former && music::to_step(kept[*former].start) == music::to_step(note.start)) {
      kept[*former].end = std::max(kept[*former].end, note.end);
      kept[*former].velocity = std::max(kept[*former].velocity, note.velocity);
      continue;
    }
    if (former) kept[*former].end = std::min(kept[*former].end, note.start);
    former = kept.size();
    kept.push_back(note);
    kept.back().channel = 0;
  }
  return kept;
}

/// The time since `begin`; 0 before it.
Seconds since(Seconds time, Seconds begin) { return std::max(Seconds{}, time - begin); }

/// The changes of the pedal from `begin` to `end`; the first is at 0 if the pedal is down at `begin`.
std::vector<music::ControlChange> pedal_between(const std::vector<music::ControlChange>& changes, Seconds begin,
                                                Seconds end) {
  std::vector<music::ControlChange> kept;
  for (music::ControlChange change : changes) {
    if (change.time >= end) break;
    if (change.time <= begin) kept.clear();
    change.time = since(change.time, begin);
    if (!kept.empty() || music::is_down(change)) kept.push_back(change);
  }
  return kept;
}

}  // namespace

Primer primer_of(const music::Performance& performance, double seconds, double from) {
  auto all = merge_to_one_keyboard(performance.notes);
  std::erase_if(all, [&](const music::Note& note) { return note.start.value < from; });
  if (all.empty()) return {};
  const Seconds begin = all.front().start, end = begin + Seconds{seconds};
  std::vector<music::Note> notes;
  Seconds last{};
  for (music::Note note : all) {
    if (note.start >= end) break;
    note.end = since(std::min(note.end, note.start + Seconds{kLongestNoteSeconds}), begin);
    note.start = since(note.start, begin);
    last = std::max(last, note.end);
    notes.push_back(note);
  }
  Primer primer{music::make_performance(std::move(notes), pedal_between(performance.controls, begin, end)), seconds,
                begin.value};
  if (all.size() == primer.performance.notes.size()) primer.seconds = std::min(seconds, last.value);
  return primer;
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// A performance: what the hands and the right foot of a pianist do, in seconds. It is what the reader of MIDI files
// makes (midi::extract), what tokens tell, and what can be written to a file again (midi::compose).
#pragma once

#include <rondo/midi/notes.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

using Note = midi::Note<midi::Seconds>;
using ControlChange = midi::ControlChange<midi::Seconds>;
using Performance = midi::Performance<midi::Seconds>;

constexpr bool is_pedal(const ControlChange& change) { return change.controller == midi::kSustainPedal; }

/// Half-pedalling counts by which side of the middle it is on: CC64 from 64 up is down.
constexpr bool is_down(const ControlChange& change) { return change.value >= midi::kPedalDown; }

/// A performance of these notes (and pedal), as long as its last event.
inline Performance make_performance(std::vector<Note> notes, std::vector<ControlChange> controls = {}) {
  Performance performance;
  performance.notes = std::move(notes);
  performance.controls = std::move(controls);
  for (const Note& note : performance.notes) performance.duration = std::max(performance.duration, note.end);
  for (const ControlChange& c : performance.controls) performance.duration = std::max(performance.duration, c.time);
  return performance;
}

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// A performance: notes and sustain pedal in seconds. Made from a MIDI file by midi::extract or from tokens by decode,
// written to a MIDI file by midi::compose.
#pragma once

#include <rondo/midi/notes.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

using Note = midi::Note<midi::Seconds>;                    ///< a note in seconds
using ControlChange = midi::ControlChange<midi::Seconds>;  ///< a control change in seconds
using Performance = midi::Performance<midi::Seconds>;      ///< notes and control changes in seconds

/// Whether this is a change of the sustain pedal, CC64.
constexpr bool is_pedal(const ControlChange& change) { return change.controller == midi::kSustainPedal; }

/// Whether the pedal is down: a value of 64 or more. Half-pedalling is not represented.
constexpr bool is_down(const ControlChange& change) { return change.value >= midi::kPedalDown; }

/// A performance of these notes and control changes, with the duration of its last event.
inline Performance make_performance(std::vector<Note> notes, std::vector<ControlChange> controls = {}) {
  Performance performance;
  performance.notes = std::move(notes);
  performance.controls = std::move(controls);
  for (const Note& note : performance.notes) performance.duration = std::max(performance.duration, note.end);
  for (const ControlChange& c : performance.controls) performance.duration = std::max(performance.duration, c.time);
  return performance;
}

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Windows of equal length, cut from performances: few long pieces give many samples, and samples of one length can be
// compared in what depends on length.
#pragma once

#include <rondo/music/performance.hpp>
#include "piano/music_names.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace piano {

/// A performance cut into windows of that many seconds by onset, from its first note on. Times count from the window's
/// beginning; `duration` is the window's length, though notes may ring past it. Windows without notes are left out, and
/// so is the last one where the music stops before the middle of it, unless there is no other: its duration ends with
/// the music. Notes alone are kept, no controls.
inline std::vector<Performance> cut_windows(const Performance& performance, double seconds) {
  std::vector<Performance> windows;
  if (performance.notes.empty() || !(seconds > 0)) return windows;
  std::vector<Note> notes = performance.notes;
  std::ranges::stable_sort(notes, {}, &Note::start);
  const double first = notes.front().start.value;
  double number = -1, last_end = 0;
  for (Note note : notes) {
    last_end = std::max(last_end, note.end.value);
    const double own = std::floor((note.start.value - first) / seconds);
    if (own != number) windows.emplace_back().duration = {seconds}, number = own;
    const midi::Seconds begin{first + own * seconds};
    note.start = note.start - begin;
    note.end = note.end - begin;
    windows.back().notes.push_back(note);
  }
  const double left = last_end - (first + number * seconds);  // how far the music goes into the last window
  if (left < seconds / 2 && windows.size() > 1)
    windows.pop_back();
  else
    windows.back().duration = {std::min(seconds, left)};
  return windows;
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// Windows of equal length, cut from performances: a few long pieces give many samples, and features that depend on the
// length are comparable.
#pragma once

#include "piano/music_names.hpp"

#include <rondo/music/performance.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace piano {

/// Cuts a performance by onset into windows of that many seconds, from its first note on. Times are relative to the
/// start of the window; `duration` is the window's length, though notes may last longer. Windows without notes are left
/// out. So is a last window that is less than half full, unless it is the only one; its duration ends with the music.
/// Controls are dropped.
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

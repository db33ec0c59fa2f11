// SPDX-License-Identifier: MIT
// The pedal changes of a score: its pedal marks, and in bars without marks %%rondo-pedal.
#pragma once

#include "piano/notation/score.hpp"

#include <cstddef>
#include <vector>

namespace piano {

struct PedalChange {
  Rational time;  // quarter notes from the beginning
  bool release;   // the pedal was down and comes up
  bool press;     // the pedal goes down, at once or again
};

/// In order of time, at most one change at a time; ends with the pedal up. In a bar with marks, and in bars over which
/// marks hold the pedal, only the marks apply.
inline std::vector<PedalChange> pedal_changes(const Score& score) {
  std::vector<PedalChange> changes;
  bool down = false, held_by_mark = false;
  const auto change = [&](Rational time, bool press) {
    if (!down && !press) return;
    if (!changes.empty() && changes.back().time == time)
      changes.back().press = press;  // up at the end of a bar and down with the next is one change
    else
      changes.push_back({time, down, press});
    down = press;
  };
  auto mark = score.pedal_marks.begin();
  for (std::size_t b = 0; b < score.bars.size(); ++b) {
    const Bar& bar = score.bars[b];
    const bool marked = mark != score.pedal_marks.end() && mark->bar == b;
    if (marked && !held_by_mark) change(bar.onset, false);  // the automatic pedal ends where marks begin
    for (; mark != score.pedal_marks.end() && mark->bar == b; ++mark) change(mark->onset, held_by_mark = mark->down);
    if (marked || held_by_mark || score.auto_pedal == AutoPedal::none) continue;
    const int parts = score.auto_pedal == AutoPedal::half ? 2 : 1;
    for (int part = 0; part < parts; ++part) change(bar.onset + bar.length * Rational(part, parts), true);
  }
  change(score.length(), false);
  return changes;
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// The content between two bar lines of one voice, before repeats are unfolded.
#pragma once

#include "piano/notation/abc_error.hpp"
#include "piano/notation/score.hpp"

#include <vector>

namespace piano::detail {

/// A bar as written. Times in it are relative to its beginning.
struct WrittenBar {
  Rational onset;   // from the beginning of the voice
  Rational length;  // the sum of its notes and rests
  Metre metre;
  TextPosition end;  // of its closing bar line
  bool start_repeat = false;
  bool end_repeat = false;
  int ending = 0;  // 1 or 2 in the first bar of an ending
  std::vector<ScoreNote> notes;
  std::vector<DynamicMark> dynamics;
  std::vector<Hairpin> hairpins;
  std::vector<TempoMark> tempos;
  std::vector<Fermata> fermatas;
  std::vector<PedalMark> pedal_marks;

  bool holds_marks() const { return !(dynamics.empty() && tempos.empty() && pedal_marks.empty()); }
};

}  // namespace piano::detail

// SPDX-License-Identifier: MIT
// A score in the order of playing: repeats unfolded, tied notes merged, times exact, in quarter notes from the
// beginning. parse_abc (abc_parser.hpp) returns one, perform (performance.hpp) renders one.
#pragma once

#include "piano/notation/rational.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace piano {

struct Metre {
  int beats = 4;      // 3 in 3/8
  int beat_unit = 4;  // 8 in 3/8

  Rational length() const { return {4 * beats, beat_unit}; }  // of a whole bar, in quarter notes
  bool compound() const { return beats > 3 && beats % 3 == 0; }
  friend bool operator==(const Metre&, const Metre&) = default;
};

/// One bar in the order of playing; a repeated bar occurs twice, with the same number.
struct Bar {
  Rational onset;       // quarter notes from the beginning
  Rational length;      // quarter notes; shorter than the metre in an upbeat
  Rational into_metre;  // position in the metre where the bar begins: 0, or more for an upbeat
  Metre metre;
  int number = 1;  // as printed: an upbeat is 0, a second ending starts with the number of the first
};

enum class Articulation : std::uint8_t { normal, legato, staccato, tenuto };

struct ScoreNote {
  Rational onset;     // quarter notes from the beginning
  Rational duration;  // quarter notes; tied notes are one
  int pitch = 60;     // MIDI key
  std::size_t voice = 0;
  std::size_t bar = 0;  // index into Score::bars of the bar where the note begins
  Articulation articulation = Articulation::normal;
  bool accent = false;
};

/// From pppp (0) through mf (5) to ffff (9).
enum class Level : std::uint8_t { pppp, ppp, pp, p, mp, mf, f, ff, fff, ffff };

struct DynamicMark {
  Rational onset;
  Level level = Level::mf;
};

struct Hairpin {
  Rational onset;
  Rational end;
  bool louder = true;
};

struct TempoMark {
  Rational onset;
  double quarters_per_minute = 120;
};

struct Fermata {
  Rational onset;
  Rational duration;
};

struct PedalMark {
  Rational onset;
  std::size_t bar = 0;
  bool down = true;
};

/// Where the pedal is changed in bars without pedal marks.
enum class AutoPedal : std::uint8_t { none, bar, half };

struct Score {
  std::string title, composer, key;
  std::vector<std::string> remarks;  // the N: lines
  std::vector<std::string> voices;   // names, in order of appearance
  std::vector<Bar> bars;
  std::vector<ScoreNote> notes;       // by onset, then voice, then pitch
  std::vector<DynamicMark> dynamics;  // these five by onset; a mark in any voice applies to all
  std::vector<Hairpin> hairpins;
  std::vector<TempoMark> tempos;  // the first at 0
  std::vector<Fermata> fermatas;
  std::vector<PedalMark> pedal_marks;
  AutoPedal auto_pedal = AutoPedal::none;
  double rubato = 0;                // largest relative change of the tempo, 0..0.3
  std::vector<std::size_t> melody;  // voices that are played louder

  Rational length() const { return bars.empty() ? Rational() : bars.back().onset + bars.back().length; }
};

}  // namespace piano

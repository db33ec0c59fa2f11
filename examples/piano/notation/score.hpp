// SPDX-License-Identifier: MIT
// A score as it is to be played: every repeat unfolded, every tie one note, every time an exact number of quarter notes
// from the beginning. parse_abc (abc_parser.hpp) makes one, perform (performance.hpp) plays one.
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

/// One bar in the order of playing; a bar that is repeated stands here twice with one number.
struct Bar {
  Rational onset;       // quarter notes from the beginning
  Rational length;      // quarter notes; shorter than the metre in an upbeat
  Rational into_metre;  // where in the metre the bar begins: 0, and more in an upbeat
  Metre metre;
  int number = 1;  // as printed: an upbeat is 0, a second ending counts on from where the first began
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

/// Where the pedal is changed in bars that carry no pedal marks of their own.
enum class AutoPedal : std::uint8_t { none, bar, half };

struct Score {
  std::string title, composer, key;
  std::vector<std::string> remarks;  // the N: lines
  std::vector<std::string> voices;   // names, in order of appearance
  std::vector<Bar> bars;
  std::vector<ScoreNote> notes;       // by onset, then voice, then pitch
  std::vector<DynamicMark> dynamics;  // these five by onset; a mark in any voice counts for all
  std::vector<Hairpin> hairpins;
  std::vector<TempoMark> tempos;  // the first at 0
  std::vector<Fermata> fermatas;
  std::vector<PedalMark> pedal_marks;
  AutoPedal auto_pedal = AutoPedal::none;
  double rubato = 0;                // largest share by which the tempo bends, 0..0.3
  std::vector<std::size_t> melody;  // voices to bring out

  Rational length() const { return bars.empty() ? Rational() : bars.back().onset + bars.back().length; }
};

}  // namespace piano

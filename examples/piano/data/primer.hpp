// SPDX-License-Identifier: MIT
// What is played to a model before it plays on: the beginning of a file, or a few notes typed on the command line.
#pragma once

#include <rondo/music/pedal.hpp>
#include <rondo/music/performance.hpp>

#include <filesystem>
#include <string_view>

namespace piano {

struct Primer {
  /// From 0 s, where its first note begins. One piano: no key is struck while it is down. Notes that begin before
  /// `seconds` are here whole, though none is longer than 5 s, the most that the grammar lets a model hold.
  rondo::music::Performance performance;
  double seconds = 0;  // where new music begins; notes may still sound there
};

/// `seconds` (> 0) of a MIDI file or an ABC score, from its first note at or after `from` seconds, as a model of that
/// pedal mode hears it: tracks and channels as one piano, without the drums (channel 10). Throws what read_piece
/// throws, and std::runtime_error if no note begins so late: one line that names the file.
Primer read_primer(const std::filesystem::path& path, double seconds, rondo::music::PedalMode pedal, double from = 0);

/// The same of a performance; one without notes gives an empty primer.
Primer primer_of(const rondo::music::Performance& heard, double seconds, double from = 0);

/// Notes by name, one after another, each a quarter note at `tempo` (quarter notes a minute, 20 to 400) and of velocity
/// 64: "C4 E4 G4". C4 is middle C, 60; # and b follow the letter, B#3 is C4 too. `+` joins a chord, C4+E4+G4; `r` is a
/// rest; `:2` or `:0.5` behind a note, chord or rest says how many quarter notes it lasts. Throws std::invalid_argument
/// naming the word and its position.
Primer parse_primer_notes(std::string_view text, double tempo = 120);

}  // namespace piano

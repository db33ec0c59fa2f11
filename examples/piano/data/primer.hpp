// SPDX-License-Identifier: MIT
// The primer: what a model continues or varies. It is an excerpt of a file, or notes from the command line.
#pragma once

#include <rondo/music/grammar.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <string_view>

namespace piano {

/// The longest note of a primer in seconds: the grammar's limit.
inline constexpr double kLongestNoteSeconds =
    rondo::music::GrammarLimits{}.longest_note / double{rondo::music::kStepsPerSecond};

struct Primer {
  /// The first note begins at 0 s. Notes of one pitch do not overlap. Notes that begin before `seconds` are complete,
  /// but at most kLongestNoteSeconds long.
  rondo::music::Performance performance;
  double seconds = 0;  // where new music begins; notes may last longer
  double begin = 0;    // of the first note in the source, in seconds
};

/// `seconds` (> 0) of a performance, from its first note at or after `from` seconds; empty if there is none.
Primer primer_of(const rondo::music::Performance& performance, double seconds, double from = 0);

/// Notes by name, in sequence, each a quarter note at `tempo` (quarter notes per minute, 20 to 400) with velocity 64:
/// "C4 E4 G4". C4 is middle C, 60; # and b follow the letter, B#3 is also C4. `+` joins a chord, C4+E4+G4; `r` is a
/// rest; `:2` or `:0.5` after a note, chord or rest is its length in quarter notes. Throws std::invalid_argument with
/// the word and its position.
Primer parse_primer_notes(std::string_view text, double tempo = 120);

}  // namespace piano

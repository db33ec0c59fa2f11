// SPDX-License-Identifier: MIT
// Memorisation: how much of an output occurs note for note in the training pieces. Small models that are trained long
// on few pieces memorise them.
//
// Two runs of notes are the same if their pitches are the same (transposed: their intervals) and the same notes form
// chords. Notes are ordered by onset; notes within 35 ms are a chord, ordered by pitch. Velocity, duration and tempo
// are ignored: a copy in another interpretation is still a copy.
#pragma once

#include "piano/evaluation/chords.hpp"
#include "piano/evaluation/suffix_array.hpp"
#include "piano/music_names.hpp"

#include <rondo/music/dataset.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace piano {

/// The longest run of notes that an output has in common with a training piece.
struct SharedRun {
  std::size_t length = 0;      // notes; 0 if no two consecutive notes are the same
  std::string piece;           // the training piece
  std::size_t piece_note = 0;  // the first note of the run in it, in order of onset, from 0
  double piece_seconds = 0;    // that note's onset
  std::optional<int> bar;      // the bar of that note, as printed, if the piece has bars
  std::size_t note = 0;        // the first note of the run in the output
  int semitones = 0;           // the output's pitch above the piece's
};

struct Memorisation {
  SharedRun exact;         // at the same pitch
  SharedRun transposed;    // at any pitch
  double exact_share = 0;  // fraction of the output's notes that are in exact runs of kMinRunLength or more
  double transposed_share = 0;
};

/// Shorter runs are scales, trills and broken chords, which any two pieces may have in common.
inline constexpr std::size_t kMinRunLength = 8;

/// The search index of the training pieces. It takes 30 bytes per note, and 60 more while it is built.
class TrainingSetIndex {
 public:
  explicit TrainingSetIndex(std::span<const Piece> pieces) {
    std::vector<std::int32_t> exact, transposed;
    for (const Piece& piece : pieces) {
      const auto notes = in_order(piece.performance);
      pieces_.push_back({piece.name, exact.size(), {}, {}, piece.bars});
      for (const Step& step : notes) {
        pieces_.back().pitches.push_back(step.pitch);
        pieces_.back().seconds.push_back(step.seconds);
      }
      for (std::size_t i = 0; i + 1 < notes.size(); ++i) {
        exact.push_back(exact_symbol(notes[i], notes[i + 1]));
        transposed.push_back(transposed_symbol(notes[i], notes[i + 1]));
      }
      exact.push_back(kEnd);  // not in any output, so no match crosses it
      transposed.push_back(kEnd);
    }
    exact_ = SuffixArray(std::move(exact));
    transposed_ = SuffixArray(std::move(transposed));
  }

  Memorisation compare(const Performance& output) const {
    const auto notes = in_order(output);
    Memorisation found;
    search(notes, exact_, exact_symbol, found.exact, found.exact_share);
    search(notes, transposed_, transposed_symbol, found.transposed, found.transposed_share);
    return found;
  }

 private:
  static constexpr std::int32_t kEnd = -1;

  struct Step {
    double seconds;
    int pitch;
    bool joined;  // in a chord with the note before
  };
  struct Source {
    std::string name;
    std::size_t begin;  // of its symbols
    std::vector<int> pitches;
    std::vector<double> seconds;
    std::vector<BarStart> bars;

    std::optional<int> bar_at(double time) const {
      const auto next = std::ranges::upper_bound(bars, time, {}, &BarStart::seconds);
      return next == bars.begin() ? std::nullopt : std::optional(std::prev(next)->number);
    }
  };

  // A symbol represents two consecutive notes, so a run of n notes has n - 1 symbols.
  static std::int32_t exact_symbol(const Step& a, const Step& b) {
    return (a.pitch * kPitches + b.pitch) * 2 + b.joined;
  }
  static std::int32_t transposed_symbol(const Step& a, const Step& b) {
    return (b.pitch - a.pitch + kPitches) * 2 + b.joined;
  }

  static std::vector<Step> in_order(const Performance& performance) {
    std::vector<Step> notes;
    for (const Note& note : performance.notes) notes.push_back({note.start.value, note.pitch, false});
    std::ranges::sort(notes, {}, [](const Step& note) { return std::pair(note.seconds, note.pitch); });
    for (auto chord = notes.begin(); chord != notes.end();) {
      const auto end =
          std::find_if(chord, notes.end(), [&](const Step& n) { return n.seconds > chord->seconds + kChordSeconds; });
      std::stable_sort(chord, end, [](const Step& a, const Step& b) { return a.pitch < b.pitch; });
      for (auto note = std::next(chord); note != end; ++note) note->joined = true;
      chord = end;
    }
    return notes;
  }

  template <class Symbol>
  void search(const std::vector<Step>& notes, const SuffixArray& array, Symbol symbol, SharedRun& longest,
              double& share) const {
    std::vector<std::int32_t> symbols;
    for (std::size_t i = 0; i + 1 < notes.size(); ++i) symbols.push_back(symbol(notes[i], notes[i + 1]));
    std::size_t covered_to = 0, covered = 0;  // notes in runs of kMinRunLength or more so far
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const auto match = array.longest_prefix(std::span(symbols).subspan(i));
      if (match.length == 0) continue;
      const std::size_t length = match.length + 1;
      if (length >= kMinRunLength) {
        covered += i + length - std::max(std::min(covered_to, i + length), i);
        covered_to = std::max(covered_to, i + length);
      }
      if (length <= longest.length) continue;
      const auto source = std::prev(std::ranges::upper_bound(pieces_, match.at, {}, &Source::begin));
      const std::size_t note = match.at - source->begin;
      const double seconds = source->seconds[note];
      longest = {
          length, source->name, note, seconds, source->bar_at(seconds), i, notes[i].pitch - source->pitches[note]};
    }
    share = notes.empty() ? 0 : static_cast<double>(covered) / static_cast<double>(notes.size());
  }

  std::vector<Source> pieces_;
  SuffixArray exact_, transposed_;
};

}  // namespace piano

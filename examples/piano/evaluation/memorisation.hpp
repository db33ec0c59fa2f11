// SPDX-License-Identifier: MIT
// Memorisation: how much of an output stands in the training pieces, note for note. Small models trained long, on few
// pieces, learn them by heart; this tells.
//
// Two runs of notes are the same if the pitches are (or, transposed, the intervals) and the same notes are struck
// together. Notes count in order of onset, those within 35 ms as a chord from the lowest up. Velocity, length and tempo
// do not count: a copy that is played differently is a copy.
#pragma once

#include <rondo/music/dataset.hpp>
#include "piano/evaluation/chords.hpp"
#include "piano/evaluation/suffix_array.hpp"
#include "piano/music_names.hpp"

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

/// The longest run of notes that an output shares with a training piece.
struct SharedRun {
  std::size_t length = 0;      // notes; 0 where not even two in a row are shared
  std::string piece;           // where it stands
  std::size_t piece_note = 0;  // its first note there, in order of onset from 0
  double piece_seconds = 0;    // that note's onset
  std::optional<int> bar;      // and its bar, as printed, where the piece knows its bars
  std::size_t note = 0;        // its first note in the output
  int semitones = 0;           // the output's pitch above the piece's
};

struct Memorisation {
  SharedRun exact;         // at the same pitch
  SharedRun transposed;    // at any pitch
  double exact_share = 0;  // of the output's notes, those inside exact runs of kMinRunLength notes or more
  double transposed_share = 0;
};

/// Shorter runs are scales, trills and broken chords that any two pieces may share.
inline constexpr std::size_t kMinRunLength = 8;

/// The training pieces, ready to be searched. 30 bytes for each of their notes, 60 more while they are sorted.
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
      exact.push_back(kEnd);  // in no output, so no match goes past it
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
    bool joined;  // struck with the note before
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

  // A symbol stands for two notes in a row, so a run of n notes is one of n - 1 symbols.
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
    std::size_t covered_to = 0, covered = 0;  // notes inside telling runs so far
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

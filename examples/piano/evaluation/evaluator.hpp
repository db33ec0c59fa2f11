// SPDX-License-Identifier: MIT
// Compares outputs with the training pieces: how similar they are in style, and how much of them is copied. The results
// are the JSON of manifests, `eval` and pages; docs/07 explains the numbers.
#pragma once

#include "piano/evaluation/copy_detector.hpp"
#include "piano/evaluation/memorisation.hpp"
#include "piano/evaluation/style.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/performance.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <span>
#include <vector>

namespace piano {

class Evaluator {
 public:
  /// Training pieces and held-out pieces; either may be empty. Outputs should be about `output_seconds` long: they are
  /// compared with excerpts of held-out pieces of that length. The style is that of windows of `window_seconds` of the
  /// training pieces, or of the held-out pieces if there are no training pieces.
  Evaluator(std::span<const rondo::music::Piece> train, std::span<const rondo::music::Piece> held_out,
            double output_seconds = 30, double window_seconds = 10);

  /// The memorisation metrics of excerpts of held-out pieces: {excerpts, excluded, seconds, longest_run, mean_run,
  /// share, highest_share, transposed {the same four}, overlap_area}. `share` is the mean. Null without excerpts.
  nlohmann::json held_out() const;

  /// The thresholds of `copied`: {longest_run, share, transposed {longest_run, share}, from_held_out}; `from_held_out`
  /// is false if there are too few excerpts of held-out pieces and the thresholds are the fixed ones. Null without
  /// training pieces.
  nlohmann::json copy_thresholds() const;

  /// For the new notes of one output: {longest_run, piece, bar, piece_seconds, share, copied, transposed {longest_run,
  /// piece, bar, piece_seconds, semitones, share}}. `piece`, `bar` and `piece_seconds` are null if there is none.
  /// Null without training pieces.
  nlohmann::json memorisation(const rondo::music::Performance& new_notes) const;

  /// For one output: {notes_per_second, velocity, polyphony, overlap_area}; the last is null if the style has fewer
  /// than three windows, or the output has no note.
  nlohmann::json measures(const rondo::music::Performance& new_notes) const;

  /// For all outputs together, compared with the style: {overlap_area, kl, features {NAME {overlap_area, kl, outputs,
  /// style}}, window_seconds, windows {outputs, style}, style, outputs {notes_per_second, velocity, polyphony},
  /// training_p10_p90 {NAME [low, high]}, inside_p10_p90 {NAME}, held_out {overlap_area, kl}}. Null if either has too
  /// few notes.
  nlohmann::json distribution(std::span<const rondo::music::Performance> outputs) const;

  /// How music changes with time: for each whole minute from a performance's first note on {minute, performances,
  /// notes_per_second, velocity, polyphony, overlap_area}, means over the performances that last so long; minutes count
  /// from 1. Null without a style.
  nlohmann::json by_minute(std::span<const rondo::music::Performance> performances) const;
  nlohmann::json held_out_by_minute() const { return by_minute(held_out_); }

 private:
  bool has_training_ = false;
  double output_seconds_;
  std::vector<rondo::music::Performance> held_out_;
  TrainingSetIndex training_;
  CopyDetector copy_detector_;
  std::optional<Style> style_;
};

/// How much of new notes occurs note for note in one piece: {longest_run, piece, bar, piece_seconds, share, transposed
/// {the same and semitones}}.
nlohmann::json shared_with(const rondo::music::Performance& piece, const rondo::music::Performance& new_notes);

}  // namespace piano

// SPDX-License-Identifier: MIT
// What is to be said of outputs beside the pieces a model learned from: how near they are to the style, and how much of
// them is copied. In JSON, as manifests, `eval` and pages have it; docs/07 says how to read the numbers.
#pragma once

#include <rondo/music/dataset.hpp>
#include <rondo/music/performance.hpp>
#include "piano/evaluation/copy_detector.hpp"
#include "piano/evaluation/memorisation.hpp"
#include "piano/evaluation/style.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <span>
#include <vector>

namespace piano {

class Evaluator {
 public:
  /// The pieces that were learned, and pieces that were not, either of which may be none. Outputs are expected to be
  /// about `output_seconds` long: the excerpts of held-out pieces that they are measured against are. The style is that
  /// of windows of `window_seconds` of the training pieces; of the held-out ones where there are no training pieces.
  Evaluator(std::span<const rondo::music::Piece> train, std::span<const rondo::music::Piece> held_out,
            double output_seconds = 30, double window_seconds = 10);

  /// The same figures for excerpts of held-out pieces: {windows, left_out, seconds, longest_run, mean_run, share,
  /// highest_share, transposed {the same four}, overlap_area}. `share` is the mean. Null without excerpts.
  nlohmann::json held_out() const;

  /// From where on `copied` is true: {longest_run, share, transposed {longest_run, share}, measured}; `measured` is
  /// false where there are too few excerpts of held-out pieces to go by, and the limits are the fixed ones. Null
  /// without training pieces.
  nlohmann::json copy_thresholds() const;

  /// Of the new notes of one output: {longest_run, piece, bar, piece_seconds, share, copied, transposed {longest_run,
  /// piece, bar, piece_seconds, semitones, share}}. `piece`, `bar` and `piece_seconds` are null where there is none.
  /// Null without training pieces.
  nlohmann::json memorisation(const rondo::music::Performance& fresh) const;

  /// Of one output: {notes_per_second, velocity, polyphony, overlap_area}; the last is null where the style knows fewer
  /// than three windows, or the output has no note.
  nlohmann::json measures(const rondo::music::Performance& fresh) const;

  /// Of all outputs together, against the style: {overlap_area, kl, features {NAME {overlap_area, kl, outputs, style}},
  /// window_seconds, windows {outputs, style}, style, outputs {notes_per_second, velocity, polyphony}, training_p10_p90
  /// {NAME [low, high]}, inside_p10_p90 {NAME}, held_out {overlap_area, kl}}. Null where either has too few notes.
  nlohmann::json distribution(std::span<const rondo::music::Performance> outputs) const;

 private:
  bool has_training_ = false;
  double output_seconds_;
  std::vector<rondo::music::Performance> held_out_;
  TrainingSetIndex training_;
  CopyDetector copy_detector_;
  std::optional<Style> style_;
};

}  // namespace piano

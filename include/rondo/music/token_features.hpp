// SPDX-License-Identifier: MIT
// Features of tokens: what the tokens of a vocabulary have in common, for rondo::FactoredTokens. Notes share their
// pitch class and their register; time shifts and velocities share ranges of similar values.
#pragma once

#include <rondo/music/batches.hpp>
#include <rondo/music/condition.hpp>
#include <rondo/music/vocabulary.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace rondo::inline v0::music {

/// The features of all ids of an input: F, Q x V, column-major.
class TokenFeatures {
 public:
  /// Of the vocabulary and the conditions of `input_spec`. Pedal tokens, densities and keys have no features.
  explicit TokenFeatures(const InputSpec& input_spec)
      : columns_(input_spec.vocabulary + input_spec.conditions.ids()),
        values_(static_cast<std::size_t>(kRows) * static_cast<std::size_t>(columns_)) {
    add_pitches(kFirstNoteOn);
    add_pitches(kFirstNoteOff);
    add_kind(kFirstTimeShift, kMaxShift);
    add_ranges(kFirstTimeShift, kMaxShift, kShiftRanges, {.first = 0, .distance = 1, .width = 0.9},
               [](int n) { return 4 * std::log2(1 + (n + 1) / 4.0); });  // 1.3 for one step, 18.8 for 100
    add_kind(kFirstVelocity, kVelocityBins);
    add_ranges(kFirstVelocity, kVelocityBins, kVelocityRanges, {.first = 0, .distance = 3, .width = 2.5});
    if (input_spec.conditions.active_notes)
      add_pitches(input_spec.vocabulary + input_spec.conditions.first_active_note());
  }

  int rows() const { return kRows; }                    ///< Q
  int columns() const { return columns_; }              ///< V, with the conditions
  const float* data() const { return values_.data(); }  ///< F

 private:
  /// The step of a feature's vector relative to that of a token's own. Measured: docs/07-train-and-sample.md.
  static constexpr float kScale = 2;
  static constexpr int kClasses = 12, kRegisters = 16, kShiftRanges = 20, kVelocityRanges = 11;
  static constexpr int kRows = 3 * (1 + kClasses + kRegisters) + 1 + kShiftRanges + 1 + kVelocityRanges;

  /// Gaussian functions around first, first + distance, ....
  struct Ranges {
    double first, distance, width;
  };

  float& at(int row, Token column) { return values_[static_cast<std::size_t>(column * kRows + row)]; }

  void add_pitches(Token first) {
    add_kind(first, kPitches);
    for (int pitch = 0; pitch < kPitches; ++pitch) at(row_ + pitch % kClasses, first + pitch) = kScale;
    row_ += kClasses;
    add_ranges(first, kPitches, kRegisters, {.first = 24, .distance = 6, .width = 5});
  }

  /// A feature that `count` ids from `first` on share.
  void add_kind(Token first, int count) {
    for (int n = 0; n < count; ++n) at(row_, first + n) = kScale;
    ++row_;
  }

  /// Overlapping ranges of value(n), for id first + n.
  template <class F>
  void add_ranges(Token first, int count, int number, const Ranges& ranges, F&& value) {
    for (int r = 0; r < number; ++r, ++row_)
      for (int n = 0; n < count; ++n) {
        const double away = (value(n) - ranges.first - ranges.distance * r) / ranges.width;
        at(row_, first + n) = kScale * static_cast<float>(std::exp(-away * away / 2));
      }
  }
  void add_ranges(Token first, int count, int number, const Ranges& ranges) {
    add_ranges(first, count, number, ranges, [](int n) { return static_cast<double>(n); });
  }

  int columns_;
  int row_ = 0;  // the next one
  std::vector<float> values_;
};

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Augmentation: transposed and time-stretched variants of a piece, for training.
#pragma once

#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

inline constexpr int kLowestPianoKey = 21;    ///< pitch of the lowest of a piano's 88 keys, A0
inline constexpr int kHighestPianoKey = 108;  ///< pitch of the highest key, C8

/// Grid of variants: each transposition combined with each time stretch. The default is that of Oore et al. 2018.
struct Augmentation {
  int lowest_transposition = -3;                                    ///< semitones
  int highest_transposition = 3;                                    ///< semitones
  std::vector<double> stretches = {0.95, 0.975, 1.0, 1.025, 1.05};  ///< factors on all times, > 0
  int velocity_shift = 0;                                           ///< up to so many bins softer or louder

  /// Only the original.
  static Augmentation none() { return {0, 0, {1.0}}; }
};

/// The performance with all pitches shifted by `semitones`. Throws std::out_of_range if a pitch would leave 0..127.
inline Performance transpose(Performance performance, int semitones) {
  for (Note& note : performance.notes) {
    const int pitch = note.pitch + semitones;
    if (pitch < 0 || pitch >= kPitches)
      throw std::out_of_range("transpose: pitch " + std::to_string(note.pitch) + " by " + std::to_string(semitones) +
                              " semitones leaves 0..127");
    note.pitch = static_cast<std::uint8_t>(pitch);
  }
  return performance;
}

/// The performance with all times multiplied by `factor`. Throws std::invalid_argument unless it is positive and
/// finite.
inline Performance stretch(Performance performance, double factor) {
  if (!(factor > 0) || !std::isfinite(factor))
    throw std::invalid_argument("stretch: the factor is " + std::to_string(factor) + ", it must be positive");
  for (Note& note : performance.notes) note.start *= factor, note.end *= factor;
  for (auto& change : performance.controls) change.time *= factor;
  for (auto& bend : performance.pitch_bends) bend.time *= factor;
  performance.duration *= factor;
  return performance;
}

/// Transposes tokens in place. The result is equal to the tokens of the transposed performance, because the order of
/// keys within a step does not change. Every pitch must stay within 0..127; unchecked.
inline void transpose_tokens(std::span<Token> tokens, int semitones) {
  for (Token& token : tokens) token = shifted(token, {.semitones = semitones});
}

/// The part of the range `wanted` (semitones) under which these notes stay on the piano's 88 keys; notes beyond them
/// already are not moved further away. Contains 0 if `wanted` does.
inline std::pair<int, int> allowed_transpositions(std::span<const Note> notes, std::pair<int, int> wanted) {
  if (notes.empty()) return wanted;
  const auto [lowest, highest] =
      std::minmax_element(notes.begin(), notes.end(), [](const Note& a, const Note& b) { return a.pitch < b.pitch; });
  return {std::max(wanted.first, std::min(0, kLowestPianoKey - lowest->pitch)),
          std::min(wanted.second, std::max(0, kHighestPianoKey - highest->pitch))};
}

/// The shifts of a piece that an Augmentation may draw: those that keep pitches on the piano's 88 keys, and velocities
/// within the 32 bins.
struct ShiftRange {
  std::pair<int, int> semitones;      ///< lowest and highest
  std::pair<int, int> velocity_bins;  ///< lowest and highest; both 0 without velocity shifts

  /// Whether there is none.
  bool empty() const { return semitones.first > semitones.second || velocity_bins.first > velocity_bins.second; }

  /// One of the shifts, all equally likely. `random`: has below(n). Undefined if empty.
  template <class Random>
  TokenShift draw(Random& random) const {
    const auto one_of = [&random](std::pair<int, int> range) {
      return range.first + static_cast<int>(random.below(static_cast<std::uint64_t>(range.second - range.first + 1)));
    };
    TokenShift shift{.semitones = one_of(semitones)};
    if (velocity_bins != std::pair(0, 0)) shift.velocity_bins = one_of(velocity_bins);
    return shift;
  }
};

/// The shifts of a piece with these notes.
inline ShiftRange allowed_shifts(std::span<const Note> notes, const Augmentation& wanted) {
  ShiftRange range{allowed_transpositions(notes, {wanted.lowest_transposition, wanted.highest_transposition}),
                   {-wanted.velocity_shift, wanted.velocity_shift}};
  for (const Note& note : notes) {
    const int bin = velocity_bin(note.velocity);
    range.velocity_bins.first = std::max(range.velocity_bins.first, -bin);
    range.velocity_bins.second = std::min(range.velocity_bins.second, kVelocityBins - 1 - bin);
  }
  return range;
}

}  // namespace rondo::inline v0::music

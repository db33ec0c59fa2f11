// SPDX-License-Identifier: MIT
// Augmentation: transposed and time-stretched variants of a piece, for training.
#pragma once

#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <cmath>
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
  for (Token& token : tokens)
    if (token < kFirstTimeShift) token += semitones;
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

}  // namespace rondo::inline v0::music

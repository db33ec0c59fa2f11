// SPDX-License-Identifier: MIT
// Decides whether an output copies the training pieces. All music has runs of notes in common, more of them in a narrow
// style. The reference is therefore what held-out music has in common with the training pieces, in excerpts of the same
// length. An output counts as copied only if it clearly exceeds that.
#pragma once

#include "piano/evaluation/memorisation.hpp"
#include "piano/evaluation/windows.hpp"
#include "piano/music_names.hpp"

#include <rondo/music/dataset.hpp>

#include <algorithm>
#include <cstddef>
#include <span>

namespace piano {

/// The length of the longest run, and the share of notes in runs of kMinRunLength or more, from which on an output
/// counts as copied.
struct CopyThreshold {
  std::size_t run = 0;
  double share = 0;

  bool reached(std::size_t longest_run, double of_notes) const { return longest_run >= run && of_notes >= share; }
};

class CopyDetector {
 public:
  /// What the excerpts have in common with the training pieces, at the same pitch or transposed.
  struct Shared {
    double mean_run = 0, mean_share = 0, highest_share = 0;
    std::size_t longest_run = 0;

    /// Twice the longest run, and the highest share + 0.1; not below `minimum`.
    CopyThreshold threshold(CopyThreshold minimum) const {
      return {std::max(minimum.run, 2 * longest_run), std::max(minimum.share, highest_share + 0.1)};
    }
  };

  static constexpr std::size_t kMinExcerpts = 8;  // with fewer excerpts the minimum thresholds apply
  static constexpr CopyThreshold kMinThreshold{16, 0.2};
  static constexpr CopyThreshold kMinThresholdTransposed{40, 0.4};

  /// Cuts `held_out` into excerpts of that many seconds. Its pieces must not be in `training`.
  CopyDetector(const TrainingSetIndex& training, std::span<const Piece> held_out, double seconds) {
    for (const Piece& piece : held_out)
      for (const Performance& excerpt : cut_windows(piece.performance, seconds)) {
        const Memorisation m = training.compare(excerpt);
        if (kMinThreshold.reached(m.exact.length, m.exact_share)) {
          ++excluded_;
          continue;
        }
        ++excerpts_;
        add(exact_, m.exact.length, m.exact_share);
        add(transposed_, m.transposed.length, m.transposed_share);
      }
  }

  std::size_t excerpts() const { return excerpts_; }

  /// Excerpts that would count as copied themselves, for example of a training piece in another file.
  std::size_t excluded() const { return excluded_; }

  const Shared& exact() const { return exact_; }
  const Shared& transposed() const { return transposed_; }
  CopyThreshold exact_threshold() const {
    return excerpts_ < kMinExcerpts ? kMinThreshold : exact_.threshold(kMinThreshold);
  }
  CopyThreshold transposed_threshold() const {
    return excerpts_ < kMinExcerpts ? kMinThresholdTransposed : transposed_.threshold(kMinThresholdTransposed);
  }

  /// Whether the output counts as copied, at the same pitch or transposed.
  bool copied(const Memorisation& m) const {
    return exact_threshold().reached(m.exact.length, m.exact_share) ||
           transposed_threshold().reached(m.transposed.length, m.transposed_share);
  }

 private:
  // Updates running means and maxima.
  void add(Shared& shared, std::size_t run, double share) const {
    const auto n = static_cast<double>(excerpts_);
    shared.mean_run += (static_cast<double>(run) - shared.mean_run) / n;
    shared.mean_share += (share - shared.mean_share) / n;
    shared.longest_run = std::max(shared.longest_run, run);
    shared.highest_share = std::max(shared.highest_share, share);
  }

  Shared exact_, transposed_;
  std::size_t excerpts_ = 0, excluded_ = 0;
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// When sharing notes with the training pieces is copying. All music shares runs of notes, more of them where the style
// is narrow; so the yardstick is what music that people wrote, and no model has learned from, shares with the same
// pieces in excerpts of the same length. An output is accused only where it clearly exceeds that.
#pragma once

#include <rondo/music/dataset.hpp>
#include "piano/evaluation/memorisation.hpp"
#include "piano/evaluation/windows.hpp"
#include "piano/music_names.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace piano {

/// From how long a run, and from which share of the notes in runs of kMinRunLength or more, an output is accused.
struct CopyThreshold {
  std::size_t run = 0;
  double share = 0;

  bool reached(std::size_t longest_run, double of_notes) const { return longest_run >= run && of_notes >= share; }
};

class CopyDetector {
 public:
  /// What the excerpts share, at the same pitch or transposed.
  struct Shared {
    double mean_run = 0, mean_share = 0, highest_share = 0;
    std::size_t longest_run = 0;

    /// Twice the longest run, and a tenth of the notes above the highest share; never under the least.
    CopyThreshold limit(CopyThreshold least) const {
      return {std::max(least.run, 2 * longest_run), std::max(least.share, highest_share + 0.1)};
    }
  };

  static constexpr std::size_t kMinExcerpts = 8;  // excerpts; the least limits alone hold with fewer
  static constexpr CopyThreshold kMinThreshold{16, 0.2};
  static constexpr CopyThreshold kMinThresholdTransposed{40, 0.4};

  /// Of excerpts of so many seconds, cut from music that the pieces in `training` are not.
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

  /// Excerpts that would be accused themselves: of a piece that was learned in another file, say. They are no
  /// yardstick.
  std::size_t excluded() const { return excluded_; }

  const Shared& exact() const { return exact_; }
  const Shared& transposed() const { return transposed_; }
  CopyThreshold exact_threshold() const {
    return excerpts_ < kMinExcerpts ? kMinThreshold : exact_.limit(kMinThreshold);
  }
  CopyThreshold transposed_threshold() const {
    return excerpts_ < kMinExcerpts ? kMinThresholdTransposed : transposed_.limit(kMinThresholdTransposed);
  }

  /// The verdict: at the same pitch, or transposed.
  bool copied(const Memorisation& m) const {
    return exact_threshold().reached(m.exact.length, m.exact_share) ||
           transposed_threshold().reached(m.transposed.length, m.transposed_share);
  }

 private:
  // Means are kept as running ones.
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

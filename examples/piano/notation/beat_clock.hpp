// SPDX-License-Identifier: MIT
// Converts quarter notes to seconds: tempo marks, fermatas, a smooth seeded rubato and a small ritardando in the last
// bar. Both hands use the same clock.
#pragma once

#include "piano/notation/hashed_random.hpp"
#include "piano/notation/score.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace piano {

class BeatClock {
 public:
  /// `tempo_scale` multiplies every tempo. The amount of rubato is the score's own.
  BeatClock(const Score& score, const HashedRandom& random, double tempo_scale) {
    const double end = score.length().to_double();
    const auto steps = static_cast<std::size_t>(std::ceil(end / kStep)) + 1;
    seconds_.reserve(steps + 1);
    seconds_.push_back(0);
    std::size_t tempo = 0;
    for (std::size_t s = 0; s < steps; ++s) {
      const double middle = (static_cast<double>(s) + 0.5) * kStep;
      while (tempo + 1 < score.tempos.size() && score.tempos[tempo + 1].onset.to_double() <= middle) ++tempo;
      const double speed = score.tempos[tempo].quarters_per_minute * tempo_scale * rubato(score, random, middle);
      seconds_.push_back(seconds_.back() + kStep * 60 / speed);
    }
  }

  /// Seconds from the beginning of a time in quarter notes, 0 up to the length of the score.
  double seconds(double quarters) const {
    const double position = quarters / kStep;
    const auto step = std::min(static_cast<std::size_t>(position), seconds_.size() - 2);
    return seconds_[step] + (seconds_[step + 1] - seconds_[step]) * (position - static_cast<double>(step));
  }
  double seconds(Rational quarters) const { return seconds(quarters.to_double()); }

 private:
  static constexpr double kStep = 1.0 / 24;       // of a quarter note
  static constexpr double kFermata = 1.7;         // factor of the length of a note under a fermata
  static constexpr double kRitardando = 0.15;     // relative decrease of the tempo at the end of the last bar
  static constexpr double kSlowRubatoBars = 1.5;  // distance between the extremes of the slow component
  static constexpr double kFastRubatoBars = 0.5;  // and of the fast component

  static double rubato(const Score& score, const HashedRandom& random, double time) {
    const double bar_length = score.bars.front().metre.length().to_double(), bars = time / bar_length;
    double speed = 1 + score.rubato * (0.7 * random.smooth(0, bars / kSlowRubatoBars) +
                                       0.3 * random.smooth(1, bars / kFastRubatoBars));
    for (const Fermata& fermata : score.fermatas) {
      const double onset = fermata.onset.to_double();
      if (onset > time || time >= onset + fermata.duration.to_double()) continue;
      speed /= kFermata;
      break;  // the same fermata is usually in every voice
    }
    const Bar& last = score.bars.back();
    const double into_last = (time - last.onset.to_double()) / last.length.to_double();
    return speed * (1 - kRitardando * std::clamp(into_last, 0.0, 1.0));
  }

  std::vector<double> seconds_;  // at every kStep
};

}  // namespace piano

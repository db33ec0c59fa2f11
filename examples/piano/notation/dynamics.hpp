// SPDX-License-Identifier: MIT
// Dynamic marks and hairpins of a score as one curve of MIDI velocity over time.
#pragma once

#include "piano/notation/score.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace piano {

/// MIDI velocity of a level, before accents. Steps of about 10: velocities of recordings are mostly between 40 and 90,
/// with means of 60 to 75.
constexpr double velocity_of(Level level) {
  constexpr double velocities[] = {22, 31, 41, 51, 60, 69, 81, 94, 107, 119};
  return velocities[static_cast<std::size_t>(level)];
}

/// Piecewise linear: constant after a mark, sloping under a hairpin. A hairpin leads to the first mark after its
/// beginning if that is in its direction and at most a bar after its end, else one level up or down. Begins at mf.
class DynamicCurve {
 public:
  explicit DynamicCurve(const Score& score) {
    points_.push_back({0, velocity_of(Level::mf)});
    std::size_t mark = 0;
    const auto apply_marks_up_to = [&](Rational time) {
      for (; mark < score.dynamics.size() && score.dynamics[mark].onset <= time; ++mark)
        step_to(score.dynamics[mark].onset.to_double(), velocity_of(score.dynamics[mark].level));
    };
    const Rational patience = score.bars.empty() ? Rational(4) : score.bars.front().metre.length();
    for (const Hairpin& hairpin : score.hairpins) {
      apply_marks_up_to(hairpin.onset);
      const double from = points_.back().velocity;
      const double begin =
          std::max(hairpin.onset.to_double(), points_.back().time);  // hairpins of two voices may overlap
      double end = hairpin.end.to_double();
      double target = from + (hairpin.louder ? kLevelStep : -kLevelStep);
      if (mark < score.dynamics.size() && score.dynamics[mark].onset <= hairpin.end + patience) {
        end = std::min(end, score.dynamics[mark].onset.to_double());
        const double marked = velocity_of(score.dynamics[mark].level);
        if ((marked > from) == hairpin.louder) target = marked;
      }
      points_.push_back({begin, from});
      points_.push_back({std::max(begin, end), std::clamp(target, kSoftest, kLoudest)});
    }
    apply_marks_up_to(score.length());
  }

  /// Velocity `time` quarter notes from the beginning.
  double at(double time) const {
    const auto after = std::upper_bound(points_.begin(), points_.end(), time,
                                        [](double t, const Point& point) { return t < point.time; });
    if (after == points_.begin()) return points_.front().velocity;
    const Point& a = *(after - 1);
    if (after == points_.end()) return a.velocity;
    return a.velocity + (after->velocity - a.velocity) * (time - a.time) / (after->time - a.time);
  }

 private:
  struct Point {
    double time;  // quarter notes, ascending; two points at one time are a step
    double velocity;
  };

  static constexpr double kLevelStep = 10, kSoftest = velocity_of(Level::pppp), kLoudest = velocity_of(Level::ffff);

  void step_to(double time, double velocity) {
    points_.push_back({time, points_.back().velocity});
    points_.push_back({time, velocity});
  }

  std::vector<Point> points_;
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// The list of the features by which sets of performances are compared. They are the features of Yang and Lerch 2018
// (https://doi.org/10.1007/s00521-018-3849-7) that do not need a beat (in windows of equal length, the note count is
// equivalent to notes per second), velocity and polyphony, which lead sheets do not have, and the two features of Wu
// and Yang 2020 that do not need chords.
#pragma once

#include "piano/evaluation/statistics.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>

namespace piano {

struct Feature {
  const char* name;
  std::span<const double> (*values)(const Statistics&);  // one number, or a histogram
};

template <auto Member>
std::span<const double> values_of(const Statistics& s) {
  if constexpr (std::same_as<decltype(s.*Member), const double&>)
    return {&(s.*Member), 1};
  else
    return s.*Member;
}

inline constexpr std::array kFeatures = {
    Feature{"notes_per_second", values_of<&Statistics::notes_per_second>},
    Feature{"polyphony", values_of<&Statistics::mean_polyphony>},
    Feature{"velocity", values_of<&Statistics::mean_velocity>},
    Feature{"velocity_std", values_of<&Statistics::velocity_std>},
    Feature{"duration", values_of<&Statistics::mean_duration>},
    Feature{"durations", values_of<&Statistics::durations>},
    Feature{"duration_transitions", values_of<&Statistics::duration_transitions>},
    Feature{"onset_interval", values_of<&Statistics::mean_onset_interval>},
    Feature{"onset_intervals", values_of<&Statistics::onset_intervals>},
    Feature{"pitch_count", values_of<&Statistics::pitch_count>},
    Feature{"pitch_range", values_of<&Statistics::pitch_range>},
    Feature{"pitch_step", values_of<&Statistics::mean_pitch_step>},
    Feature{"pitch_classes", values_of<&Statistics::pitch_classes>},
    Feature{"pitch_class_transitions", values_of<&Statistics::pitch_class_transitions>},
    Feature{"bar_entropy", values_of<&Statistics::bar_entropy>},
    Feature{"four_bar_entropy", values_of<&Statistics::four_bar_entropy>},
    Feature{"groove_similarity", values_of<&Statistics::groove_similarity>},
};

/// The Euclidean distance of two performances in a feature.
inline double feature_distance(const Feature& feature, const Statistics& a, const Statistics& b) {
  const auto x = feature.values(a), y = feature.values(b);
  double square = 0;
  for (std::size_t k = 0; k < x.size(); ++k) square += (x[k] - y[k]) * (x[k] - y[k]);
  return std::sqrt(square);
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// Similarity of outputs to a style, as Yang and Lerch 2018 define it (https://doi.org/10.1007/s00521-018-3849-7): for
// each feature, the distances between outputs and the style's windows (inter-set) are compared with the distances among
// the style's windows (intra-set). If the outputs have the style, both have the same distribution: overlap 1,
// divergence 0.
#pragma once

#include "piano/evaluation/features.hpp"
#include "piano/evaluation/kernel_density.hpp"
#include "piano/evaluation/statistics.hpp"
#include "piano/evaluation/windows.hpp"
#include "piano/music_names.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace piano {

/// The 10th to the 90th percentile of some numbers.
struct PercentileRange {
  double low = 0, high = 0;

  bool contains(double x) const { return x >= low && x <= high; }
};

/// Interpolated linearly between neighbours. Zero without samples.
inline PercentileRange percentile_range(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto quantile = [&](double q) {
    const double place = q * static_cast<double>(samples.size() - 1);
    const auto k = static_cast<std::size_t>(place);
    return std::lerp(samples[k], samples[std::min(k + 1, samples.size() - 1)], place - static_cast<double>(k));
  };
  return {quantile(0.1), quantile(0.9)};
}

struct Moments {
  double mean = 0, deviation = 0;  // standard deviation
};

inline Moments moments(std::span<const double> samples) {
  Moments m;
  const auto n = static_cast<double>(samples.size());
  for (double x : samples) m.mean += x / n;
  for (double x : samples) m.deviation += (x - m.mean) * (x - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

/// The values of a scalar feature in each window (the first value of a histogram).
inline std::vector<double> values_in(const Feature& feature, std::span<const Statistics> windows) {
  std::vector<double> values;
  for (const Statistics& s : windows) values.push_back(feature.values(s)[0]);
  return values;
}

/// At most `most` elements, evenly spaced.
template <class T>
std::vector<const T*> evenly_spaced(std::span<const T> all, std::size_t most) {
  const std::size_t count = std::min(all.size(), most);
  std::vector<const T*> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(&all[i * all.size() / count]);
  return some;
}

/// The statistics of windows of that length, at most `most` of them, evenly spaced.
inline std::vector<Statistics> describe_windows(std::span<const Performance> performances, double seconds,
                                                std::size_t most = 4096) {
  std::vector<Performance> windows;
  for (const Performance& performance : performances) {
    auto own = cut_windows(performance, seconds);
    std::ranges::move(own, std::back_inserter(windows));
  }
  std::vector<Statistics> described;
  for (const Performance* window : evenly_spaced(std::span<const Performance>(windows), most))
    described.push_back(describe(*window, window->duration.value));
  return described;
}

class Style {
 public:
  /// The style of the windows of all performances. Distances use at most 256 windows, as the number of pairs grows with
  /// the square. Throws std::invalid_argument if there are fewer than three windows.
  Style(std::span<const Performance> performances, double window_seconds)
      : seconds_(window_seconds), windows_(describe_windows(performances, window_seconds)) {
    if (windows_.size() < 3)
      throw std::invalid_argument("Style: " + std::to_string(windows_.size()) + " window(s) of " +
                                  std::to_string(window_seconds) + " s; wanted three or more");
    const auto some = evenly_spaced(this->windows(), kMost);
    for (std::size_t f = 0; f < kFeatures.size(); ++f)
      for (std::size_t i = 0; i < some.size(); ++i)
        for (std::size_t j = i + 1; j < some.size(); ++j)
          intra_set_[f].push_back(feature_distance(kFeatures[f], *some[i], *some[j]));
  }

  double window_seconds() const { return seconds_; }
  std::span<const Statistics> windows() const { return windows_; }

  /// For each of kFeatures, in their order: overlap of the inter-set and the intra-set distances, and divergence of the
  /// latter from the former. `windows` must be as long as the style's. Throws std::invalid_argument if there are none.
  std::array<DistributionDistance, kFeatures.size()> compare(std::span<const Statistics> windows) const {
    std::array<DistributionDistance, kFeatures.size()> distances;
    const auto ours = evenly_spaced(windows, kMost), theirs = evenly_spaced(this->windows(), kMost);
    std::vector<double> inter_set;
    for (std::size_t f = 0; f < kFeatures.size(); ++f) {
      inter_set.clear();
      for (const Statistics* a : ours)
        for (const Statistics* b : theirs) inter_set.push_back(feature_distance(kFeatures[f], *a, *b));
      distances[f] = compare_samples(intra_set_[f], inter_set);
    }
    return distances;
  }

 private:
  static constexpr std::size_t kMost = 256;

  double seconds_;
  std::vector<Statistics> windows_;
  std::array<std::vector<double>, kFeatures.size()> intra_set_;  // distances of all pairs of windows
};

/// The mean over features.
inline DistributionDistance mean(std::span<const DistributionDistance> distances) {
  DistributionDistance sum;
  for (const auto& [overlap, kl] : distances) {
    sum.overlap += overlap / static_cast<double>(distances.size());
    sum.kl += kl / static_cast<double>(distances.size());
  }
  return sum;
}

}  // namespace piano

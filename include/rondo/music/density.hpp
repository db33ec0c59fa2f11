// SPDX-License-Identifier: MIT
// How alike two sets of numbers are: their densities by Gaussian kernels, and the overlap and divergence of the two
// (Yang and Lerch 2018, https://doi.org/10.1007/s00521-018-3849-7). Both densities stand on one grid that holds the
// mass of both: on two grids the sums would compare values at different places.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <stdexcept>
#include <vector>

namespace rondo::inline v0::music {

struct Distance {
  double overlap = 0;  // area under the lower of the two densities: 0 nothing in common, 1 the same
  double kl = 0;       // Kullback-Leibler divergence of the first from the second, in nats
};

/// Scott's rule: standard deviation times n^(-1/5). At least `least`, so that equal samples have a width, too.
inline double kernel_width(std::span<const double> samples, double least) {
  const auto n = static_cast<double>(samples.size());
  double mean = 0, square = 0;
  for (double x : samples) mean += x / n;
  for (double x : samples) square += (x - mean) * (x - mean);
  return samples.size() < 2 ? least : std::max(least, std::sqrt(square / (n - 1)) * std::pow(n, -0.2));
}

/// The density of samples under kernels of standard deviation `width`, at each point of the grid.
inline std::vector<double> kernel_density(std::span<const double> samples, double width, std::span<const double> grid) {
  const double scale = 1.0 / (static_cast<double>(samples.size()) * width * std::sqrt(2 * std::numbers::pi));
  std::vector<double> density(grid.size());
  for (std::size_t k = 0; k < grid.size(); ++k) {
    for (double x : samples) density[k] += std::exp(-0.5 * (grid[k] - x) * (grid[k] - x) / (width * width));
    density[k] *= scale;
  }
  return density;
}

/// Overlap and divergence of two sets of samples. The grid has `points` points from four kernel widths below the
/// least sample of either to four above the greatest. Where the second density underflows, it counts as 1e-300.
/// Throws std::invalid_argument if a set is empty or a sample is not finite.
inline Distance compare_samples(std::span<const double> a, std::span<const double> b, int points = 1000) {
  if (a.empty() || b.empty()) throw std::invalid_argument("compare_samples: a set of samples is empty");
  if (points < 2) throw std::invalid_argument("compare_samples: the grid needs two points or more");
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::ranges::all_of(a, finite) || !std::ranges::all_of(b, finite))
    throw std::invalid_argument("compare_samples: a sample is not finite");
  const auto [a_low, a_high] = std::ranges::minmax(a);
  const auto [b_low, b_high] = std::ranges::minmax(b);
  const double low = std::min(a_low, b_low), high = std::max(a_high, b_high);
  // A hundredth of the range at least (of the value itself, where all are equal): narrower spikes fall between points.
  const double least = std::max(0.01 * (high - low), 1e-6 * std::max(1.0, std::abs(high)));
  const double width_a = kernel_width(a, least), width_b = kernel_width(b, least);
  const double margin = 4 * std::max(width_a, width_b);
  const double step = (high - low + 2 * margin) / (points - 1);
  std::vector<double> grid(static_cast<std::size_t>(points));
  for (std::size_t k = 0; k < grid.size(); ++k) grid[k] = low - margin + static_cast<double>(k) * step;

  const auto p = kernel_density(a, width_a, grid), q = kernel_density(b, width_b, grid);
  Distance distance;
  for (std::size_t k = 0; k < grid.size(); ++k) {
    distance.overlap += std::min(p[k], q[k]) * step;
    if (p[k] > 0) distance.kl += p[k] * std::log(p[k] / std::max(q[k], 1e-300)) * step;
  }
  distance.overlap = std::clamp(distance.overlap, 0.0, 1.0);
  distance.kl = std::max(distance.kl, 0.0);
  return distance;
}

}  // namespace rondo::inline v0::music

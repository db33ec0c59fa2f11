// SPDX-License-Identifier: MIT
// Similarity of two samples: their densities by Gaussian kernels, and the overlap and divergence of the densities (Yang
// and Lerch 2018, https://doi.org/10.1007/s00521-018-3849-7). Both densities are evaluated on one grid that covers
// both: on two grids the sums would compare values at different places.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <stdexcept>
#include <vector>

namespace piano {

struct DistributionDistance {
  double overlap = 0;  // area under the lower of the two densities: 0 disjoint, 1 equal
  double kl = 0;       // Kullback-Leibler divergence of the first from the second, in nats
};

/// Scott's rule: standard deviation times n^(-1/5). At least `minimum`, for samples that are all equal.
inline double kernel_bandwidth(std::span<const double> samples, double minimum) {
  const auto n = static_cast<double>(samples.size());
  double mean = 0, square = 0;
  for (double x : samples) mean += x / n;
  for (double x : samples) square += (x - mean) * (x - mean);
  return samples.size() < 2 ? minimum : std::max(minimum, std::sqrt(square / (n - 1)) * std::pow(n, -0.2));
}

/// Equally spaced points at which densities are evaluated.
struct Grid {
  double low = 0, step = 1;
  std::size_t points = 0;

  double at(std::size_t k) const { return low + static_cast<double>(k) * step; }
};

/// The density of samples under Gaussian kernels of standard deviation `width`, at each point of the grid. A sample
/// between two points is distributed to both (linear binning, Wand 1994), so that the cost depends on the grid, not on
/// the samples. With steps of at most a fifth of the width the error is below a hundredth of the density's peak.
inline std::vector<double> kernel_density(std::span<const double> samples, double width, const Grid& grid) {
  std::vector<double> mass(grid.points + 1), kernel(grid.points), density(grid.points);
  for (double x : samples) {
    const double place = std::clamp((x - grid.low) / grid.step, 0.0, static_cast<double>(grid.points - 1));
    const auto k = static_cast<std::size_t>(place);
    const double upper = place - static_cast<double>(k);
    mass[k] += 1 - upper;
    mass[k + 1] += upper;
  }
  const double scale = 1.0 / (static_cast<double>(samples.size()) * width * std::sqrt(2 * std::numbers::pi));
  for (std::size_t d = 0; d < grid.points; ++d) {
    const double z = static_cast<double>(d) * grid.step / width;
    kernel[d] = scale * std::exp(-0.5 * z * z);
  }
  for (std::size_t m = 0; m < grid.points; ++m) {
    if (mass[m] == 0) continue;
    for (std::size_t k = 0; k <= m; ++k) density[k] += mass[m] * kernel[m - k];
    for (std::size_t k = m + 1; k < grid.points; ++k) density[k] += mass[m] * kernel[k - m];
  }
  return density;
}

/// Overlap and divergence of two sets of samples. The grid has `points` points from four kernel widths below the
/// smallest sample to four above the largest. Kernels are at least a hundredth of the range wide. A second density
/// below 1e-300 is set to that, so the divergence is finite, at most about 690. Throws std::invalid_argument if a set
/// is empty or a sample is not finite.
inline DistributionDistance compare_samples(std::span<const double> a, std::span<const double> b, int points = 1000) {
  if (a.empty() || b.empty()) throw std::invalid_argument("compare_samples: a set of samples is empty");
  if (points < 2) throw std::invalid_argument("compare_samples: wanted two points or more");
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::ranges::all_of(a, finite) || !std::ranges::all_of(b, finite))
    throw std::invalid_argument("compare_samples: a sample is not finite");
  const auto [a_low, a_high] = std::ranges::minmax(a);
  const auto [b_low, b_high] = std::ranges::minmax(b);
  const double low = std::min(a_low, b_low), high = std::max(a_high, b_high);
  // At least a hundredth of the range (a fraction of the value if all are equal): narrower kernels fall between points.
  const double minimum = std::max(0.01 * (high - low), 1e-6 * std::max(1.0, std::abs(high)));
  const double width_a = kernel_bandwidth(a, minimum), width_b = kernel_bandwidth(b, minimum);
  const double margin = 4 * std::max(width_a, width_b);
  const Grid grid{low - margin, (high - low + 2 * margin) / (points - 1), static_cast<std::size_t>(points)};

  const auto p = kernel_density(a, width_a, grid), q = kernel_density(b, width_b, grid);
  DistributionDistance distance;
  for (std::size_t k = 0; k < grid.points; ++k) {
    distance.overlap += std::min(p[k], q[k]) * grid.step;
    if (p[k] > 0) distance.kl += p[k] * std::log(p[k] / std::max(q[k], 1e-300)) * grid.step;
  }
  distance.overlap = std::clamp(distance.overlap, 0.0, 1.0);
  distance.kl = std::max(distance.kl, 0.0);
  return distance;
}

}  // namespace piano

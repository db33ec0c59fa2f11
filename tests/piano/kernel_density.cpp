// SPDX-License-Identifier: MIT
#include "piano/evaluation/kernel_density.hpp"

#include <cmath>
#include <random>

#include "support/catch.hpp"

using namespace piano;

namespace {
std::vector<double> gaussian(unsigned seed, int count, double mean, double deviation) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(mean, deviation);
  std::vector<double> samples;
  for (int i = 0; i < count; ++i) samples.push_back(normal(random));
  return samples;
}
}  // namespace

TEST_CASE("Overlap and divergence of two kernels have a closed form") {
  const DistributionDistance far = compare_samples(std::vector<double>{0}, std::vector<double>{1});
  CHECK(far.overlap == Approx(0).margin(1e-12));
  CHECK(far.kl > 500);  // 5000 exactly; the second density is set to 1e-300, which bounds it
  CHECK(far.kl < 700);

  // Two samples each, symmetric: width = sqrt(2) e 2^(-1/5).
  const double e = 3, w = std::sqrt(2.0) * e * std::pow(2.0, -0.2), d = 1;
  const std::vector<double> a = {-e, e}, b = {-e + d, e + d};
  const auto density = [&](double x, double shift) {
    return (std::exp(-0.5 * std::pow((x - shift + e) / w, 2)) + std::exp(-0.5 * std::pow((x - shift - e) / w, 2))) /
           (2 * w * std::sqrt(2 * std::acos(-1.0)));
  };
  double overlap = 0, kl = 0;
  for (double x = -60; x < 60; x += 0.001) {
    overlap += 0.001 * std::min(density(x, 0), density(x, d));
    kl += 0.001 * density(x, 0) * std::log(density(x, 0) / density(x, d));
  }
  const DistributionDistance near = compare_samples(a, b);
  CHECK(near.overlap == Approx(overlap).margin(1e-3));
  CHECK(near.kl == Approx(kl).margin(1e-3));
  CHECK(kl > 0.01);
}

TEST_CASE("Overlap and divergence of samples of two Gaussians approach the exact values") {
  // Kernels widen N(m, 1) to N(m, 1 + w^2) with w = n^(-1/5); then overlap = erfc(d / (2 sqrt 2 s)), kl = d^2 / 2 s^2.
  const int n = 4000;
  const double d = 1.5, s = std::sqrt(1 + std::pow(n, -0.4));
  const DistributionDistance distance = compare_samples(gaussian(1, n, 0, 1), gaussian(2, n, d, 1));
  CHECK(distance.overlap == Approx(std::erfc(d / (2 * std::sqrt(2.0) * s))).margin(0.02));
  CHECK(distance.kl == Approx(d * d / (2 * s * s)).epsilon(0.1));
  // Divergence of Gaussians of unequal width is not symmetric, which two grids would hide.
  const auto narrow = gaussian(3, n, 0, 0.5), wide = gaussian(4, n, 0, 1);
  CHECK(compare_samples(narrow, wide).kl == Approx(std::log(2) + 0.125 - 0.5).epsilon(0.15));
  CHECK(compare_samples(wide, narrow).kl > 2 * compare_samples(narrow, wide).kl);
}

TEST_CASE("The overlap of samples with themselves is 1, also if all are equal") {
  const auto samples = gaussian(5, 100, 3, 2);
  CHECK(compare_samples(samples, samples).overlap == Approx(1).margin(1e-3));
  CHECK(compare_samples(samples, samples).kl == Approx(0).margin(1e-12));
  const std::vector<double> same(5, 7.0);
  CHECK(compare_samples(same, same).overlap == Approx(1).margin(1e-3));
  CHECK_THROWS_AS(compare_samples({}, same), std::invalid_argument);
  CHECK_THROWS_AS(compare_samples(same, std::vector<double>{NAN}), std::invalid_argument);
}

TEST_CASE("Overlap and divergence agree with numpy, which sums every kernel") {
  // In Python, for samples x and y as below and t = linspace(-15, 25, 400001), where w = std(s, ddof=1) * n ** -0.2:
  //   p = exp(-((t[:, None] - x) / w) ** 2 / 2).mean(1) / (w * sqrt(2 pi)), q of y in the same way,
  //   overlap = sum(minimum(p, q)) * dt, kl = sum(p * log(p / q)) * dt
  std::vector<double> x, y;
  for (int i = 0; i < 40; ++i) x.push_back(std::fmod(i * 0.618034, 1.0) * 5 + (i % 7 == 0 ? 3 : 0));
  for (int i = 0; i < 25; ++i) y.push_back(std::pow(std::fmod(i * 0.414214, 1.0), 2.0) * 9);
  const DistributionDistance distance = compare_samples(x, y);
  CHECK(distance.overlap == Approx(0.755094).margin(5e-4));
  CHECK(distance.kl == Approx(0.192098).margin(5e-4));
}

TEST_CASE("Binned densities agree with the sum of all kernels") {
  const auto samples = gaussian(6, 50, 1, 2);
  const Grid grid{-8, 0.02, 900};
  const double width = 0.1;  // five steps
  const auto binned = kernel_density(samples, width, grid);
  double mass = 0, worst = 0, peak = 0;
  for (std::size_t k = 0; k < grid.points; ++k) {
    double density = 0;
    for (double x : samples) density += std::exp(-0.5 * std::pow((grid.at(k) - x) / width, 2));
    density /= 50 * width * std::sqrt(2 * std::acos(-1.0));
    worst = std::max(worst, std::abs(binned[k] - density));
    peak = std::max(peak, density);
    mass += binned[k] * grid.step;
  }
  CHECK(mass == Approx(1).margin(1e-6));
  CHECK(peak > 0.2);
  CHECK(worst < 0.01 * peak);
}

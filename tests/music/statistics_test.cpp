// SPDX-License-Identifier: MIT
#include <rondo/music/statistics.hpp>

#include <cmath>
#include <random>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;

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
  const Distance far = compare_samples(std::vector<double>{0}, std::vector<double>{1});
  CHECK(far.overlap == Approx(0).margin(1e-12));
  CHECK(far.kl > 500);  // 5000 in exact numbers, where the density does not underflow

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
  const Distance near = compare_samples(a, b);
  CHECK(near.overlap == Approx(overlap).margin(1e-3));
  CHECK(near.kl == Approx(kl).margin(1e-3));
  CHECK(kl > 0.01);
}

TEST_CASE("Overlap and divergence of two Gaussians approach theirs") {
  // Kernels widen N(m, 1) to N(m, 1 + w^2) with w = n^(-1/5); then overlap = erfc(d / (2 sqrt 2 s)), kl = d^2 / 2 s^2.
  const int n = 4000;
  const double d = 1.5, s = std::sqrt(1 + std::pow(n, -0.4));
  const Distance distance = compare_samples(gaussian(1, n, 0, 1), gaussian(2, n, d, 1));
  CHECK(distance.overlap == Approx(std::erfc(d / (2 * std::sqrt(2.0) * s))).margin(0.02));
  CHECK(distance.kl == Approx(d * d / (2 * s * s)).epsilon(0.1));
  // Divergence of Gaussians of unequal width is not symmetric, which two grids would hide.
  const auto narrow = gaussian(3, n, 0, 0.5), wide = gaussian(4, n, 0, 1);
  CHECK(compare_samples(narrow, wide).kl == Approx(std::log(2) + 0.125 - 0.5).epsilon(0.15));
  CHECK(compare_samples(wide, narrow).kl > 2 * compare_samples(narrow, wide).kl);
}

TEST_CASE("Samples and themselves overlap wholly, also when all are equal") {
  const auto samples = gaussian(5, 100, 3, 2);
  CHECK(compare_samples(samples, samples).overlap == Approx(1).margin(1e-3));
  CHECK(compare_samples(samples, samples).kl == Approx(0).margin(1e-12));
  const std::vector<double> same(5, 7.0);
  CHECK(compare_samples(same, same).overlap == Approx(1).margin(1e-3));
  CHECK_THROWS_AS(compare_samples({}, same), std::invalid_argument);
  CHECK_THROWS_AS(compare_samples(same, std::vector<double>{NAN}), std::invalid_argument);
}

TEST_CASE("Statistics of a small performance, worked by hand") {
  const auto note = [](double start, double end, int pitch, int velocity) {
    return Note{.start = {start},
                .end = {end},
                .pitch = static_cast<std::uint8_t>(pitch),
                .velocity = static_cast<std::uint8_t>(velocity)};
  };
  const Statistics s = describe(
      make_performance({note(1, 2, 60, 60), note(1.01, 2, 64, 80), note(1.5, 2.5, 72, 70), note(4, 5, 48, 70)}));
  CHECK(s.notes == 4);
  CHECK(s.seconds == Approx(4));
  CHECK(s.notes_per_second == Approx(1));
  CHECK(s.mean_polyphony == Approx(3.99 / 2.5));  // 1..2.5 and 4..5 are covered
  CHECK(s.mean_velocity == Approx(70));
  CHECK(s.velocity_deviation == Approx(std::sqrt(50)));
  CHECK(s.mean_duration == Approx(3.99 / 4));
  CHECK(s.mean_onset_interval == Approx(1.5));  // 1 -> 1.5 -> 4; the chord is one onset
  CHECK(s.mean_pitch_step == Approx((4 + 8 + 24) / 3.0));
  CHECK(s.pitch_range == 24);
  CHECK(s.pitch_classes[0] == Approx(0.75));
  CHECK(s.pitch_classes[4] == Approx(0.25));
  CHECK(s.pitch_class_entropy == Approx(0.25 * 2 - 0.75 * std::log2(0.75)));
  CHECK(s.pitch_entropy == Approx(2));
  CHECK(s.velocities[14] == Approx(0.25));
  CHECK(s.durations[8] == Approx(1));           // .8 to 1.25 s
  CHECK(s.onset_intervals[7] == Approx(0.5));   // .5 to .8 s
  CHECK(s.onset_intervals[10] == Approx(0.5));  // 2 to 5 s
  CHECK(describe({}).notes_per_second == 0);
}

TEST_CASE("Windows hold every note once") {
  const auto performance = rondo::test::random_performance(1, 300);
  std::size_t notes = 0;
  for (const Performance& window : cut_windows(performance, 2.0)) {
    notes += window.notes.size();
    CHECK(window.notes.back().start - window.notes.front().start < midi::Seconds{2.0});
  }
  CHECK(notes == performance.notes.size());
  CHECK(cut_windows(performance, 2.0).size() > 3);
  CHECK(cut_windows({}, 2.0).empty());
}

TEST_CASE("Performances of one kind are nearer to each other than to faster, louder ones") {
  std::vector<Performance> some, others, different;
  for (unsigned i = 0; i < 12; ++i) {
    some.push_back(rondo::test::random_performance(i, 100));
    others.push_back(rondo::test::random_performance(100 + i, 100));
    different.push_back(rondo::test::random_performance(200 + i, 100, 3));
    for (Note& note : different.back().notes) note.start *= 0.3, note.end *= 0.3, note.velocity = 120;
  }
  const auto near = compare_performances(some, others), far = compare_performances(different, others);
  CHECK(near.size() == 13);
  CHECK(mean(near).overlap > 0.75);
  CHECK(mean(far).overlap < 0.4);
  CHECK(mean(far).kl > 10 * mean(near).kl);
  CHECK_THROWS_AS(compare_performances(some, {}), std::invalid_argument);
}

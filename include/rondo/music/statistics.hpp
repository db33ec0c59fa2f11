// SPDX-License-Identifier: MIT
// What a performance is like, in numbers that do not depend on its length; and how far a set of performances is from
// another in each of them.
#pragma once

#include <rondo/music/density.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

struct Statistics {
  std::size_t notes = 0;
  double seconds = 0;  // from the first onset to the last end
  double notes_per_second = 0;
  double mean_polyphony = 0;               // notes that sound at once, averaged over the time in which any does
  double mean_velocity = 0;                // MIDI, 1..127
  double velocity_deviation = 0;           // standard deviation
  double mean_duration = 0;                // seconds
  double mean_onset_interval = 0;          // seconds between neighbouring onsets, chords (within 30 ms) taken as one
  double mean_pitch_step = 0;              // semitones between neighbouring notes, without sign
  double pitch_entropy = 0;                // bits, of the 128 pitches
  double pitch_class_entropy = 0;          // bits, of the 12 classes; log2 12 = 3.585 at most
  int lowest = 0, highest = 0;             // pitches
  int pitch_range = 0;                     // semitones
  std::array<double, 12> pitch_classes{};  // shares of the notes; C is 0
  std::array<double, kPitches> pitches{};  // shares of the notes
  std::array<double, kVelocityBins> velocities{};  // shares of the notes
  std::array<double, 12> durations{};              // shares of the notes; bounds in kDurationBounds
  std::array<double, 12> onset_intervals{};        // shares of the intervals; the same bounds
};

/// Upper bounds in seconds of the first 11 classes of durations and onset intervals; the twelfth has none.
inline constexpr std::array<double, 11> kDurationBounds = {0.03, 0.05, 0.08, 0.125, 0.2, 0.3, 0.5, 0.8, 1.25, 2.0, 5.0};

/// All zero for a performance without notes.
inline Statistics describe(const Performance& performance) {
  constexpr double kChord = 0.03;  // seconds within which onsets are heard as one
  Statistics s;
  std::vector<Note> notes = performance.notes;
  std::ranges::sort(notes, {}, [](const Note& note) { return std::pair(note.start, note.pitch); });
  s.notes = notes.size();
  if (notes.empty()) return s;
  const auto count = static_cast<double>(notes.size());
  const auto duration_class = [](double seconds) {
    return static_cast<std::size_t>(std::ranges::upper_bound(kDurationBounds, seconds) - kDurationBounds.begin());
  };

  double last_end = 0, sounding = 0, covered = 0, covered_to = notes.front().start.value, velocity_square = 0;
  double onset = notes.front().start.value;
  std::size_t intervals = 0;
  s.lowest = kPitches;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const Note& note = notes[i];
    const double start = note.start.value, end = note.end.value;
    last_end = std::max(last_end, end);
    sounding += end - start;
    covered += std::max(0.0, end - std::max(start, covered_to));
    covered_to = std::max(covered_to, end);
    s.mean_velocity += note.velocity / count;
    velocity_square += note.velocity * note.velocity / count;
    s.lowest = std::min<int>(s.lowest, note.pitch);
    s.highest = std::max<int>(s.highest, note.pitch);
    s.pitches[note.pitch & 127] += 1 / count;
    s.pitch_classes[note.pitch % 12] += 1 / count;
    s.velocities[static_cast<std::size_t>(velocity_bin(note.velocity))] += 1 / count;
    s.durations[duration_class(end - start)] += 1 / count;
    if (i > 0) s.mean_pitch_step += std::abs(note.pitch - notes[i - 1].pitch) / std::max(1.0, count - 1);
    if (start - onset > kChord) {
      s.mean_onset_interval += start - onset;
      s.onset_intervals[duration_class(start - onset)] += 1;
      onset = start;
      ++intervals;
    }
  }
  if (intervals > 0) {
    s.mean_onset_interval /= static_cast<double>(intervals);
    for (double& share : s.onset_intervals) share /= static_cast<double>(intervals);
  }
  s.seconds = last_end - notes.front().start.value;
  s.notes_per_second = s.seconds > 0 ? count / s.seconds : 0;
  s.mean_polyphony = covered > 0 ? sounding / covered : 0;
  s.velocity_deviation = std::sqrt(std::max(0.0, velocity_square - s.mean_velocity * s.mean_velocity));
  s.mean_duration = sounding / count;
  s.pitch_range = s.highest - s.lowest;
  const auto entropy = [](std::span<const double> shares) {
    double bits = 0;
    for (double p : shares) bits -= p > 0 ? p * std::log2(p) : 0;
    return bits;
  };
  s.pitch_entropy = entropy(s.pitches);
  s.pitch_class_entropy = entropy(s.pitch_classes);
  return s;
}

/// A performance cut into windows of that many seconds by onset, so that few long pieces give many samples.
/// Windows without notes are left out; notes may ring past the end of theirs.
inline std::vector<Performance> cut_windows(const Performance& performance, double seconds) {
  std::vector<Performance> windows;
  if (performance.notes.empty() || !(seconds > 0)) return windows;
  std::vector<Note> notes = performance.notes;
  std::ranges::stable_sort(notes, {}, &Note::start);
  const double first = notes.front().start.value;
  double number = -1;
  for (const Note& note : notes) {
    const double own = std::floor((note.start.value - first) / seconds);
    if (own != number) windows.emplace_back(), number = own;
    windows.back().notes.push_back(note);
    windows.back().duration = std::max(windows.back().duration, note.end);
  }
  return windows;
}

struct FeatureDistance {
  std::string feature;
  Distance distance;
};

/// For each feature, how far the values over the performances of `a` are from those over `b`. The three histograms of
/// pitch class, duration and onset interval are compared as Yang and Lerch do: the distances (Euclidean) between
/// performances of `a` and `b` against those within `b`. Throws std::invalid_argument unless each set has two
/// performances or more with notes.
inline std::vector<FeatureDistance> compare_performances(std::span<const Performance> a,
                                                         std::span<const Performance> b) {
  const auto described = [](std::span<const Performance> set) {
    std::vector<Statistics> all;
    for (const Performance& performance : set)
      if (!performance.notes.empty()) all.push_back(describe(performance));
    if (all.size() < 2)
      throw std::invalid_argument("compare_performances: a set has fewer than two performances with notes");
    return all;
  };
  const auto of_a = described(a), of_b = described(b);
  std::vector<FeatureDistance> distances;

  const auto scalar = [&](const char* feature, auto member) {
    std::vector<double> x, y;
    for (const Statistics& s : of_a) x.push_back(static_cast<double>(s.*member));
    for (const Statistics& s : of_b) y.push_back(static_cast<double>(s.*member));
    distances.push_back({feature, compare_samples(x, y)});
  };
  scalar("notes_per_second", &Statistics::notes_per_second);
  scalar("polyphony", &Statistics::mean_polyphony);
  scalar("velocity", &Statistics::mean_velocity);
  scalar("velocity_deviation", &Statistics::velocity_deviation);
  scalar("duration", &Statistics::mean_duration);
  scalar("onset_interval", &Statistics::mean_onset_interval);
  scalar("pitch_step", &Statistics::mean_pitch_step);
  scalar("pitch_range", &Statistics::pitch_range);
  scalar("pitch_entropy", &Statistics::pitch_entropy);
  scalar("pitch_class_entropy", &Statistics::pitch_class_entropy);

  // Pairs grow with the square: of large sets, this many spread evenly stand for all.
  const auto chosen = [](const std::vector<Statistics>& all) {
    constexpr std::size_t kMost = 128;
    const std::size_t count = std::min(all.size(), kMost);
    std::vector<const Statistics*> some;
    for (std::size_t i = 0; i < count; ++i) some.push_back(&all[i * all.size() / count]);
    return some;
  };
  const auto some_a = chosen(of_a), some_b = chosen(of_b);
  const auto histogram = [&](const char* feature, auto member) {
    const auto apart = [&](const Statistics& s, const Statistics& t) {
      double square = 0;
      for (std::size_t k = 0; k < (s.*member).size(); ++k) square += std::pow((s.*member)[k] - (t.*member)[k], 2);
      return std::sqrt(square);
    };
    std::vector<double> between, within;
    for (std::size_t i = 0; i < some_b.size(); ++i) {
      for (const Statistics* s : some_a) between.push_back(apart(*s, *some_b[i]));
      for (std::size_t j = i + 1; j < some_b.size(); ++j) within.push_back(apart(*some_b[i], *some_b[j]));
    }
    distances.push_back({feature, compare_samples(between, within)});
  };
  histogram("pitch_classes", &Statistics::pitch_classes);
  histogram("durations", &Statistics::durations);
  histogram("onset_intervals", &Statistics::onset_intervals);
  return distances;
}

/// The mean over the features.
inline Distance mean(std::span<const FeatureDistance> distances) {
  Distance sum;
  for (const auto& [feature, distance] : distances) {
    sum.overlap += distance.overlap / static_cast<double>(distances.size());
    sum.kl += distance.kl / static_cast<double>(distances.size());
  }
  return sum;
}

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Statistics of a performance. features.hpp lists those that are compared between sets.
#pragma once

#include "piano/evaluation/bar_metrics.hpp"
#include "piano/evaluation/chords.hpp"
#include "piano/music_names.hpp"

#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace piano {

struct Statistics {
  std::size_t notes = 0;
  double seconds = 0;  // the length that notes_per_second refers to
  double notes_per_second = 0;
  double mean_polyphony = 0;               // simultaneous notes, averaged over the time with at least one
  double mean_velocity = 0;                // MIDI, 1..127
  double velocity_std = 0;                 // standard deviation
  double mean_duration = 0;                // seconds
  double mean_onset_interval = 0;          // seconds between consecutive onsets; a chord (chords.hpp) is one onset
  double mean_pitch_step = 0;              // semitones between consecutive notes, absolute value
  double pitch_count = 0;                  // number of different pitches
  double pitch_range = 0;                  // semitones from the lowest to the highest
  int lowest = 0, highest = 0;             // pitches
  double pitch_entropy = 0;                // bits, of the 128 pitches
  double pitch_class_entropy = 0;          // bits, of the 12 classes; log2 12 = 3.585 at most
  double bar_entropy = 0;                  // the same in windows of 2 s, averaged (bar_metrics.hpp)
  double four_bar_entropy = 0;             // the same in windows of 8 s
  double groove_similarity = 0;            // of windows of 2 s, 64 positions each (bar_metrics.hpp)
  std::array<double, 12> pitch_classes{};  // fractions of the notes; C is 0
  std::array<double, kPitches> pitches{};  // fractions of the notes
  std::array<double, music::kVelocityBins> velocities{};  // fractions of the notes
  std::array<double, 12> durations{};                     // fractions of the notes; bounds in kDurationBounds
  std::array<double, 12> onset_intervals{};               // fractions of the intervals; the same bounds
  std::array<double, 12 * 12> pitch_class_transitions{};  // fractions of pairs of consecutive notes, [from * 12 + to]
  std::array<double, 12 * 12> duration_transitions{};     // the same for the classes of durations
};

/// Upper bounds in seconds of the first 11 classes of durations and onset intervals; the twelfth is unbounded.
inline constexpr std::array<double, 11> kDurationBounds = {0.03, 0.05, 0.08, 0.125, 0.2, 0.3, 0.5, 0.8, 1.25, 2.0, 5.0};

/// Consecutive notes are those in order of onset, then of pitch. `seconds` is the length for notes_per_second; 0: from
/// the first onset to the last end. All values are zero for a performance without notes.
inline Statistics describe(const Performance& performance, double seconds = 0) {
  Statistics s;
  std::vector<Note> notes = performance.notes;
  std::ranges::sort(notes, {}, [](const Note& note) { return std::pair(note.start, note.pitch); });
  s.notes = notes.size();
  if (notes.empty()) return s;
  const auto count = static_cast<double>(notes.size());
  const auto duration_class = [](double length) {
    return static_cast<std::size_t>(std::ranges::upper_bound(kDurationBounds, length) - kDurationBounds.begin());
  };
  const auto class_of = [&](const Note& note) { return duration_class(note.end.value - note.start.value); };

  double last_end = 0, total = 0, covered = 0, covered_to = notes.front().start.value, velocity_square = 0;
  double onset = notes.front().start.value;
  std::size_t intervals = 0;
  s.lowest = kPitches;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    const Note& note = notes[i];
    const double start = note.start.value, end = note.end.value;
    last_end = std::max(last_end, end);
    total += end - start;
    covered += std::max(0.0, end - std::max(start, covered_to));
    covered_to = std::max(covered_to, end);
    s.mean_velocity += note.velocity / count;
    velocity_square += note.velocity * note.velocity / count;
    s.lowest = std::min<int>(s.lowest, note.pitch);
    s.highest = std::max<int>(s.highest, note.pitch);
    s.pitches[note.pitch & 127] += 1 / count;
    s.pitch_classes[note.pitch % 12] += 1 / count;
    s.velocities[static_cast<std::size_t>(music::velocity_bin(note.velocity))] += 1 / count;
    s.durations[class_of(note)] += 1 / count;
    if (i > 0) {
      const Note& before = notes[i - 1];
      s.mean_pitch_step += std::abs(note.pitch - before.pitch) / (count - 1);
      s.pitch_class_transitions[before.pitch % 12u * 12u + note.pitch % 12u] += 1 / (count - 1);
      s.duration_transitions[class_of(before) * 12 + class_of(note)] += 1 / (count - 1);
    }
    if (start - onset > kChordSeconds) {
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
  s.seconds = seconds > 0 ? seconds : last_end - notes.front().start.value;
  s.notes_per_second = s.seconds > 0 ? count / s.seconds : 0;
  s.mean_polyphony = covered > 0 ? total / covered : 0;
  s.velocity_std = std::sqrt(std::max(0.0, velocity_square - s.mean_velocity * s.mean_velocity));
  s.mean_duration = total / count;
  s.pitch_count = static_cast<double>(std::ranges::count_if(s.pitches, [](double share) { return share > 0; }));
  s.pitch_range = s.highest - s.lowest;
  const auto entropy = [](std::span<const double> shares) {
    double bits = 0;
    for (double p : shares) bits -= p > 0 ? p * std::log2(p) : 0;
    return bits;
  };
  s.pitch_entropy = entropy(s.pitches);
  s.pitch_class_entropy = entropy(s.pitch_classes);
  const auto lines = regular_bar_lines(performance);
  s.bar_entropy = bar_entropy(performance, lines);
  s.four_bar_entropy = bar_entropy(performance, lines, 4);
  s.groove_similarity = groove_similarity(performance, lines);
  return s;
}

}  // namespace piano

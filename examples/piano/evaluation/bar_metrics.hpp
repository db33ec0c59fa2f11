// SPDX-License-Identifier: MIT
// Metrics over bars (Wu and Yang 2020, https://arxiv.org/abs/2008.01307): the pitch-class entropy of bars and the
// similarity of their rhythms. If bars are unknown, windows of equal length are used instead; such values are
// comparable only to others of such windows.
#pragma once

#include "piano/music_names.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/performance.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace piano {

/// About one bar at a moderate tempo.
inline constexpr double kBarSeconds = 2;

/// The start of each bar in seconds, and the end of the last one, which is taken to be as long as the one before it.
/// Empty if the piece has fewer than two bars.
inline std::vector<double> bar_lines(const Piece& piece) {
  std::vector<double> lines;
  if (piece.bars.size() < 2) return lines;
  for (const BarStart& bar : piece.bars) lines.push_back(bar.seconds);
  lines.push_back(2 * lines.back() - lines[lines.size() - 2]);
  return lines;
}

/// Bar lines every `seconds`, from the first onset to after the last. Empty without notes.
inline std::vector<double> regular_bar_lines(const Performance& performance, double seconds = kBarSeconds) {
  std::vector<double> lines;
  if (performance.notes.empty() || !(seconds > 0)) return lines;
  const auto [first, last] = std::ranges::minmax(performance.notes, {}, &Note::start);
  const auto bars = static_cast<std::size_t>((last.start.value - first.start.value) / seconds) + 1;
  for (std::size_t b = 0; b <= bars; ++b) lines.push_back(first.start.value + static_cast<double>(b) * seconds);
  return lines;
}

/// The bar, from 0, at that time, if there is one.
inline std::optional<std::size_t> bar_of(std::span<const double> lines, double seconds) {
  const auto after = std::ranges::upper_bound(lines, seconds);
  if (after == lines.begin() || after == lines.end()) return std::nullopt;
  return static_cast<std::size_t>(after - lines.begin()) - 1;
}

/// Entropy in bits, 0..log2 12 = 3.585, of the pitch classes in `bars` consecutive bars, averaged over all such groups;
/// groups without notes are left out. A piece with fewer bars is one group.
inline double bar_entropy(const Performance& performance, std::span<const double> lines, std::size_t bars = 1) {
  if (lines.size() < 2) return 0;
  std::vector<std::array<double, 12>> counts(lines.size() - 1);
  for (const Note& note : performance.notes)
    if (const auto bar = bar_of(lines, note.start.value)) counts[*bar][note.pitch % 12] += 1;
  bars = std::clamp<std::size_t>(bars, 1, counts.size());
  double sum = 0;
  std::size_t places = 0;
  for (std::size_t b = 0; b + bars <= counts.size(); ++b) {
    std::array<double, 12> classes{};
    double notes = 0, bits = 0;
    for (std::size_t k = b; k < b + bars; ++k)
      for (std::size_t c = 0; c < 12; ++c) classes[c] += counts[k][c], notes += counts[k][c];
    if (notes == 0) continue;
    for (double n : classes) bits -= n > 0 ? n / notes * std::log2(n / notes) : 0;
    sum += bits;
    ++places;
  }
  return places > 0 ? sum / static_cast<double>(places) : 0;
}

/// 1 minus the fraction of 64 positions at which one of two bars has an onset and the other has none, averaged over all
/// pairs of bars: 1 if all have the same rhythm, or no onsets. Sparse music is always near 1. 1 for a single bar.
inline double groove_similarity(const Performance& performance, std::span<const double> lines) {
  constexpr double kPositions = 64;
  if (lines.size() < 3) return 1;
  std::vector<std::uint64_t> grooves(lines.size() - 1);
  for (const Note& note : performance.notes)
    if (const auto bar = bar_of(lines, note.start.value)) {
      const double into = (note.start.value - lines[*bar]) / (lines[*bar + 1] - lines[*bar]);
      grooves[*bar] |= std::uint64_t{1} << std::min(63, static_cast<int>(kPositions * into));
    }
  double sum = 0, pairs = 0;
  for (std::size_t a = 0; a < grooves.size(); ++a)
    for (std::size_t b = a + 1; b < grooves.size(); ++b) {
      sum += 1 - std::popcount(grooves[a] ^ grooves[b]) / kPositions;
      pairs += 1;
    }
  return sum / pairs;
}

}  // namespace piano

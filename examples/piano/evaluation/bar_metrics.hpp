// SPDX-License-Identifier: MIT
// What recurs from bar to bar (Wu and Yang 2020, https://arxiv.org/abs/2008.01307): how many pitch classes a bar
// spreads over, and how alike the rhythms of bars are. Where nobody knows the bars, windows of even length stand for
// them; then the numbers compare with others of such windows alone.
#pragma once

#include <rondo/music/dataset.hpp>
#include <rondo/music/performance.hpp>
#include "piano/music_names.hpp"

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

/// About a bar of moderate music.
inline constexpr double kBarSeconds = 2;

/// Where bars begin, in seconds, and the end of the last: as long as the one before it. Empty where the piece knows
/// fewer than two bars.
inline std::vector<double> bar_lines(const Piece& piece) {
  std::vector<double> lines;
  if (piece.bars.size() < 2) return lines;
  for (const BarStart& bar : piece.bars) lines.push_back(bar.seconds);
  lines.push_back(2 * lines.back() - lines[lines.size() - 2]);
  return lines;
}

/// Lines every so many seconds, from the first onset to past the last. Empty without notes.
inline std::vector<double> regular_bar_lines(const Performance& performance, double seconds = kBarSeconds) {
  std::vector<double> lines;
  if (performance.notes.empty() || !(seconds > 0)) return lines;
  const auto [first, last] = std::ranges::minmax(performance.notes, {}, &Note::start);
  const auto bars = static_cast<std::size_t>((last.start.value - first.start.value) / seconds) + 1;
  for (std::size_t b = 0; b <= bars; ++b) lines.push_back(first.start.value + static_cast<double>(b) * seconds);
  return lines;
}

/// The bar, from 0, that a time falls into, where it falls into one.
inline std::optional<std::size_t> bar_of(std::span<const double> lines, double seconds) {
  const auto after = std::ranges::upper_bound(lines, seconds);
  if (after == lines.begin() || after == lines.end()) return std::nullopt;
  return static_cast<std::size_t>(after - lines.begin()) - 1;
}

/// Entropy in bits, 0..log2 12 = 3.585, of the pitch classes struck within `bars` neighbouring bars, averaged over all
/// places where so many begin; those without notes are left out. A piece of fewer bars counts as one place.
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

/// 1 minus the share of 64 positions in which one of two bars has an onset and the other has none, averaged over all
/// pairs of bars: 1 where all have the same rhythm (or none). Sparse music is near 1 by itself. 1 for a single bar.
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

// SPDX-License-Identifier: MIT
// Pieces, and their split into training and validation by piece, so that no window of a validation piece is in the
// training set.
#pragma once

#include <rondo/music/bars.hpp>
#include <rondo/music/hash.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

/// A piece of music.
struct Piece {
  std::string name;                 ///< name of its file, without extension
  Performance performance;          ///< notes and pedal
  std::vector<BarStart> bars = {};  ///< in order of time; empty if unknown
};

/// Pieces for training and for validation.
struct Corpus {
  std::vector<Piece> train;  ///< training pieces
  std::vector<Piece> valid;  ///< validation pieces
};

/// Tokens of a piece without the silence before the first event.
inline std::vector<Token> tokens_of(const Piece& piece) { return encode(piece.performance, LeadIn::drop); }

/// Total number of tokens of the pieces.
inline std::size_t count_tokens(std::span<const Piece> pieces) {
  std::size_t count = 0;
  for (const Piece& piece : pieces) count += tokens_of(piece).size();
  return count;
}

/// Splits by name: pieces whose name is in `validation` (with or without extension) are for validation, the others for
/// training. Throws std::invalid_argument if a name matches no piece, or if a part is empty.
inline Corpus split_by_name(std::vector<Piece> pieces, std::span<const std::string> validation) {
  const auto fits = [](const std::string& wanted, const std::string& name) {
    return wanted == name || wanted.substr(0, wanted.rfind('.')) == name;
  };
  for (const std::string& wanted : validation)
    if (std::none_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return fits(wanted, piece.name); }))
      throw std::invalid_argument("split: no piece is called '" + wanted + "'");
  Corpus corpus;
  for (Piece& piece : pieces) {
    const bool held_out = std::any_of(validation.begin(), validation.end(),
                                      [&](const std::string& wanted) { return fits(wanted, piece.name); });
    (held_out ? corpus.valid : corpus.train).push_back(std::move(piece));
  }
  if (corpus.train.empty()) throw std::invalid_argument("split: no piece is left for training");
  if (corpus.valid.empty()) throw std::invalid_argument("split: no piece is left for validation");
  return corpus;
}

/// Splits at random: about the fraction `share` of the pieces (in [0, 1]; at least one, never all) is for validation.
/// The choice depends on the seed and on the names of pieces, not on their order. Throws std::invalid_argument if there
/// are fewer than two pieces or `share` is out of range.
inline Corpus split_by_fraction(std::vector<Piece> pieces, double share, std::uint64_t seed = 0) {
  if (pieces.size() < 2)
    throw std::invalid_argument("split: " + std::to_string(pieces.size()) +
                                " piece(s); at least two are needed, one of them for validation");
  if (!(share >= 0 && share <= 1))
    throw std::invalid_argument("split: the share " + std::to_string(share) + " is not within 0..1");
  const auto wanted = static_cast<std::size_t>(std::lround(share * static_cast<double>(pieces.size())));
  const std::size_t held_out = std::clamp<std::size_t>(wanted, 1, pieces.size() - 1);

  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < pieces.size(); ++i) order.emplace_back(stable_hash(pieces[i].name, seed), i);
  std::sort(order.begin(), order.end());
  std::vector<bool> is_validation(pieces.size());
  for (std::size_t k = 0; k < held_out; ++k) is_validation[order[k].second] = true;

  Corpus corpus;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    (is_validation[i] ? corpus.valid : corpus.train).push_back(std::move(pieces[i]));
  return corpus;
}

}  // namespace rondo::inline v0::music

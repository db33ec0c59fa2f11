// SPDX-License-Identifier: MIT
// The JSB Chorales as frames: which of the 88 piano keys are active at each beat (Boulanger-Lewandowski, Bengio,
// Vincent 2012).
#pragma once

#include <rondo/core/sequence.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace chorales {

inline constexpr int kPitches = 88;      // K
inline constexpr int kLowestPitch = 21;  // A0

using Frame = std::bitset<kPitches>;
using Piece = std::vector<Frame>;

struct Data {
  std::vector<Piece> train, valid, test;
};

/// Reads a JSON object of three lists of pieces; a piece is a list of frames, a frame a list of MIDI pitches 21..108.
/// Throws std::runtime_error with the file and the position in it.
inline Data read(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path.string() + ": cannot be opened");
  const auto json = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw std::runtime_error(path.string() + ": is not a JSON object");
  const auto part = [&](const char* name) {
    std::vector<Piece> pieces;
    try {
      for (const auto& piece : json.at(name)) {
        Piece frames;
        for (const auto& pitches : piece) {
          Frame frame;
          for (const int pitch : pitches) {
            if (pitch < kLowestPitch || pitch >= kLowestPitch + kPitches)
              throw std::runtime_error(path.string() + ": " + name + ", piece " + std::to_string(pieces.size()) +
                                       ", frame " + std::to_string(frames.size()) + ": pitch " + std::to_string(pitch) +
                                       ", wanted 21..108");
            frame.set(static_cast<std::size_t>(pitch - kLowestPitch));
          }
          frames.push_back(frame);
        }
        if (frames.size() >= 2) pieces.push_back(std::move(frames));  // a single frame has no target
      }
    } catch (const nlohmann::json::exception&) {
      throw std::runtime_error(path.string() + ": \"" + name + "\" is not a list of pieces of frames of pitches");
    }
    if (pieces.empty()) throw std::runtime_error(path.string() + ": \"" + name + "\" has no piece");
    return pieces;
  };
  return {part("train"), part("valid"), part("test")};
}

/// A batch: inputs are frames 1..T-1 of each piece, targets frames 2..T, ragged, the longest piece first.
struct Batch {
  rondo::Sequence<float> x, y;  // K x B x (T-1)
};

/// `transposition` is in semitones, one per piece, or empty.
inline void fill(Batch& batch, std::vector<const Piece*> pieces, std::span<const int> transposition) {
  std::vector<std::size_t> order(pieces.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return pieces[a]->size() > pieces[b]->size(); });
  const auto B = static_cast<rondo::Index>(pieces.size());
  std::vector<rondo::Index> lengths;
  for (std::size_t i : order) lengths.push_back(static_cast<rondo::Index>(pieces[i]->size()) - 1);
  for (auto* s : {&batch.x, &batch.y}) {
    s->resize(kPitches, B, lengths[0]);
    std::fill_n(s->data(), s->size(), 0.0f);
    s->set_lengths(lengths);
  }
  for (rondo::Index b = 0; b < B; ++b) {
    const auto i = order[static_cast<std::size_t>(b)];
    const int shift = transposition.empty() ? 0 : transposition[i];
    for (std::size_t t = 0; t < pieces[i]->size(); ++t)
      for (int k = std::max(0, -shift); k < kPitches - std::max(0, shift); ++k)
        if ((*pieces[i])[t][static_cast<std::size_t>(k)]) {
          const auto at = static_cast<rondo::Index>(t);
          if (at < lengths[static_cast<std::size_t>(b)]) batch.x(k + shift, b, at) = 1;
          if (at > 0) batch.y(k + shift, b, at - 1) = 1;
        }
  }
}

}  // namespace chorales

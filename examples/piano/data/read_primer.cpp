// SPDX-License-Identifier: MIT
#include "piano/data/read_primer.hpp"
#include "piano/data/read_piece.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

namespace piano {

namespace music = rondo::music;

Primer read_primer(const std::filesystem::path& path, double seconds, music::PedalMode pedal, double from,
                   std::vector<music::BarStart>* bars) {
  music::Piece piece = read_piece(path);
  Primer primer = primer_of(music::apply_pedal(piece.performance, pedal), seconds, from);
  if (primer.performance.notes.empty()) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", from);
    throw std::runtime_error(path.string() + ": no note begins at " + text + " s or later");
  }
  if (bars) *bars = std::move(piece.bars);
  return primer;
}

}  // namespace piano

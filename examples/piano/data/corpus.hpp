// SPDX-License-Identifier: MIT
// From paths on a command line to pieces: MIDI files, ABC scores, and folders of both.
#pragma once

#include "piano/training/run_dir.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/music/pedal.hpp>

#include <string>
#include <vector>

namespace piano {

struct Pieces {
  std::vector<rondo::music::Piece> pieces;
  std::vector<std::string> problems;  // one line for each file that was left out
};

/// Every piece below these paths, performances as a model of that pedal mode hears them. A file that cannot be read is
/// left out. Throws std::runtime_error if there is no piece at all, or a path does not exist.
Pieces load(const std::vector<std::string>& paths, rondo::music::PedalMode pedal);

/// The pieces that a run learned from, if they are still where they were. Throws what reading or splitting them throws.
std::vector<rondo::music::Piece> training_pieces(const Config& config);

/// The folder of the bundled scores: that of the sources this program was built from, or `scores` beside the program.
/// Throws std::runtime_error if neither is there.
std::string bundled_scores();

}  // namespace piano

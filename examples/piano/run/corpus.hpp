// SPDX-License-Identifier: MIT
// The training and validation pieces of a run, and the bundled scores.
#pragma once

#include "piano/data/load.hpp"
#include "piano/run/run_dir.hpp"

#include <string>
#include <vector>

namespace piano {

/// The training and validation pieces of a run, read again from its data. Throws what reading or splitting them throws.
rondo::music::Corpus corpus_of(const Config& config, const LoadOptions& options = {});

/// The same. If that fails: no pieces, and a line on stderr that begins with `missing`, what the caller leaves out.
rondo::music::Corpus corpus_or_none(const Config& config, const LoadOptions& options, const char* missing);

/// The first velocity of music without a primer: the median of the pieces' first notes, 64 without pieces.
rondo::music::Token opening_velocity(const std::vector<rondo::music::Piece>& pieces);

/// The folder of the bundled scores: in the source tree that the program was built from, or `scores` beside the
/// program. Throws std::runtime_error if neither exists.
std::string bundled_scores();

}  // namespace piano

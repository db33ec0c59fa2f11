// SPDX-License-Identifier: MIT
// The pieces of a training run: where the bundled ones are, and which ones a run learned from.
#pragma once

#include "piano/data/load.hpp"
#include "piano/run/run_dir.hpp"

#include <string>
#include <vector>

namespace piano {

/// The pieces that a run learned from and those it was judged by, if they are still where they were. Throws what
/// reading or splitting them throws.
rondo::music::Corpus corpus_of(const Config& config, const LoadOptions& options = {});

/// The same. Where that fails: no pieces, and a line on stderr that begins with `missing`, what the caller leaves out.
rondo::music::Corpus corpus_or_none(const Config& config, const LoadOptions& options, const char* missing);

/// The velocity that music from nothing begins with: that of the middle of the pieces' first notes, 64 without pieces.
rondo::music::Token opening_velocity(const std::vector<rondo::music::Piece>& pieces);

/// The folder of the bundled scores: that of the sources this program was built from, or `scores` beside the program.
/// Throws std::runtime_error if neither is there.
std::string bundled_scores();

}  // namespace piano

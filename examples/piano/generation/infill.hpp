// SPDX-License-Identifier: MIT
// New music for a stretch of a piece, which leads into what follows. Many candidates are generated in one batch, each
// from the music before the stretch. Then each reads the music after it, and outputs are drawn from the candidates in
// proportion to the likelihood of that music: a particle filter whose weights are the model's own likelihoods.
#pragma once

#include "piano/generation/generate.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace piano {

struct InfillOptions {
  int candidates = 64;         ///< continuations among which outputs are drawn, at least the number of outputs
  double context = 30;         ///< seconds of the music before the stretch that the model reads, at least 5
  std::size_t following = 32;  ///< notes after the stretch whose likelihood decides
};

/// One output.
struct Infill {
  GeneratedPiece piece;       ///< the whole music with its new notes
  std::uint64_t seed;         ///< of the chosen candidate
  double following_per_note;  ///< nats per note of the music that follows
};

struct Infills {
  std::vector<Infill> outputs;             ///< those after which the music that follows is likeliest first
  double original_following_per_note = 0;  ///< after the original music of the stretch
  double median_following_per_note = 0;    ///< after the median candidate, a continuation that knows of no end
};

/// Fills `gap` of `music`, whose first note begins at 0 s, `outputs` times. `settings`: sampling, first seed and
/// condition values; its plan is not used. Throws std::invalid_argument unless 0 < begin < end, with a note before and
/// after the gap and as many candidates as outputs.
Infills infill(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
               const rondo::music::Performance& music, Span gap, const Request& settings, int outputs,
               rondo::music::Token opening, const InfillOptions& options = {});

}  // namespace piano

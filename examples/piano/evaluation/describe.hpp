// SPDX-License-Identifier: MIT
// The metrics of one output in manifests and pages.
#pragma once

#include "piano/evaluation/evaluator.hpp"
#include "piano/generation/generate.hpp"

#include <nlohmann/json.hpp>

namespace piano {

/// {seed, temperature, notes, seconds, primer_seconds, nll_per_token, memorisation, notes_per_second, velocity,
/// polyphony, overlap_area}. `notes` counts the new ones; new music begins at `primer_seconds`.
inline nlohmann::json describe(const Request& request, const GeneratedPiece& piece, const Evaluator& evaluator) {
  using nlohmann::json;
  const auto new_notes = piece.new_notes();
  json output = {{"seed", request.seed},
                 {"temperature", request.sampling.temperature},
                 {"notes", new_notes.notes.size()},
                 {"seconds", piece.performance.duration.value},
                 {"primer_seconds", request.plan.free.empty() ? 0 : request.plan.free.front().begin},
                 {"nll_per_token", piece.sampled > 0 ? json(piece.nats / static_cast<double>(piece.sampled)) : json()},
                 {"memorisation", evaluator.memorisation(new_notes)}};
  output.update(evaluator.measures(new_notes));
  return output;
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// The numbers of one output, as manifests and pages have them.
#pragma once

#include "piano/evaluation/evaluator.hpp"
#include "piano/generation/generate.hpp"

#include <nlohmann/json.hpp>

namespace piano {

/// {seed, temperature, notes, seconds, primer_seconds, nll_per_token, memorisation, notes_per_second, velocity,
/// polyphony, overlap_area}. Notes are the new ones; primer_seconds is how long only given music sounds.
inline nlohmann::json describe(const Request& request, const GeneratedPiece& take, const Evaluator& evaluator) {
  using nlohmann::json;
  const auto fresh = take.new_notes();
  json output = {{"seed", request.seed},
                 {"temperature", request.sampling.temperature},
                 {"notes", fresh.notes.size()},
                 {"seconds", take.performance.duration.value},
                 {"primer_seconds", request.plan.free.empty() ? 0 : request.plan.free.front().begin},
                 {"nll_per_token", take.sampled > 0 ? json(take.nats / static_cast<double>(take.sampled)) : json()},
                 {"memorisation", evaluator.memorisation(fresh)}};
  output.update(evaluator.measures(fresh));
  return output;
}

}  // namespace piano

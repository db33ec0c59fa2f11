// SPDX-License-Identifier: MIT
// New music from a model: several takes at once, each with its own outline, temperature and random numbers, all under
// the grammar, so that whatever comes out is well-formed.
#pragma once

#include "piano/generation/plan.hpp"

#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>
#include <rondo/sampling.hpp>

#include <cstdint>
#include <vector>

namespace piano {

/// What one take is asked for.
struct Request {
  GenerationPlan plan;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  rondo::music::ConditionValues condition_values = {};  // conditions of the music
};

/// What it gave.
struct GeneratedPiece {
  rondo::music::Performance performance;  // all notes ended; as long as its last one
  std::vector<bool> given;                // of each note, whether the outline had it
  double nats = 0;                        // of the sampled tokens, under the model itself
  std::size_t sampled = 0;                // tokens

  /// The new notes alone.
  rondo::music::Performance new_notes() const;
};

/// Plays all requests. A take depends on its own request alone, not on those beside it. `opening` is the velocity with
/// which free play begins. Throws rondo::error for settings out of range.
std::vector<GeneratedPiece> generate(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
                                     const std::vector<Request>& requests, rondo::music::Token opening);

/// Density and key of a performance: conditions that ask for more of the same.
rondo::music::ConditionValues condition_values_of(const rondo::music::Performance& performance);

}  // namespace piano

// SPDX-License-Identifier: MIT
// Generates several pieces in one batch, each with its own plan, temperature and random numbers. The grammar masks
// tokens, so that all outputs are well-formed.
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

/// Given music [from, to), in seconds, whose likelihood after the generated music is measured. Note-offs do not count:
/// they tell more of what was generated than of what follows.
struct Following {
  double from = 0, to = 0;
};

/// One generation request.
struct Request {
  GenerationPlan plan;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  rondo::music::ConditionValues condition_values = {};  // input of a model with conditions
  Following following = {};
};

/// Nats of sampled tokens, at temperature 1 without filters and the limits of the grammar.
struct SampledNats {
  double nats = 0;
  std::size_t tokens = 0;
};

/// The result of a request.
struct GeneratedPiece {
  rondo::music::Performance performance;  // all notes have ended; its duration ends with the last note
  std::vector<bool> given;                // for each note, whether it is from the plan
  double nats = 0;                        // of the sampled tokens, at temperature 1 without filters and mask
  std::size_t sampled = 0;                // number of sampled tokens
  std::vector<SampledNats> minutes;       // of each minute from the first sampled token on
  double following_nats = 0;              // of the tokens in Request::following, other than note-offs

  /// Only the generated notes.
  rondo::music::Performance new_notes() const;
};

/// Generates all requests. A result does not depend on the other requests. `opening` is the first velocity of music
/// without a primer. Throws rondo::error for settings out of range.
std::vector<GeneratedPiece> generate(const rondo::TokenModel<float>& model, const rondo::music::InputSpec& input_spec,
                                     const std::vector<Request>& requests, rondo::music::Token opening);

/// Note density and key of a performance, as condition values.
rondo::music::ConditionValues condition_values_of(const rondo::music::Performance& performance);

}  // namespace piano

// SPDX-License-Identifier: MIT
// New tokens from a model: several streams at once, each with its own primer, temperature and random numbers, all under
// the grammar, so that whatever comes out is well-formed.
#pragma once

#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>
#include <rondo/sampling.hpp>

#include <cstdint>
#include <vector>

namespace piano {

/// What one stream is asked for.
struct Request {
  std::vector<rondo::music::Token> primer;  // what was played before; may be empty
  double seconds = 30;                      // of new music
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  rondo::music::Told told = {};  // conditions of the new music
};

/// What it gave.
struct Take {
  std::vector<rondo::music::Token> tokens;  // primer and new tokens; all notes ended
  std::size_t primer_tokens = 0;
  double nats = 0;          // of the sampled tokens, under the model itself
  std::size_t sampled = 0;  // tokens that were sampled: new ones less the note-offs that end the piece
};

/// Plays on from every primer. A take depends on its own request alone, not on those beside it. `opening` begins a take
/// without a primer. Throws rondo::error for settings out of range.
std::vector<Take> generate(const rondo::TokenModel<float>& model, const rondo::music::Hearing& hearing,
                           const std::vector<Request>& requests, rondo::music::Token opening);

/// The tokens of the first `seconds` of a piece, without the silence before it.
std::vector<rondo::music::Token> opening_of(const rondo::music::Performance& performance, double seconds);

}  // namespace piano

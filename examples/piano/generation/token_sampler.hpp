// SPDX-License-Identifier: MIT
// Samples the next token of a performance under a mask, with random numbers of its own.
#pragma once

#include "piano/generation/kind_probabilities.hpp"

#include <rondo/core/random.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/sampling.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace piano {

inline constexpr std::int64_t kLongestNote = rondo::music::GrammarLimits{}.longest_note;  ///< that is made, in steps

class TokenSampler {
 public:
  /// Throws rondo::error for a setting out of range.
  TokenSampler(const rondo::SamplingConfig& config, std::uint64_t seed) : sampler_(config), rng_(seed) {}

  /// Replaces the settings. The random numbers continue. Throws rondo::error for a setting out of range.
  void set_config(const rondo::SamplingConfig& config) { sampler_ = rondo::Sampler(config); }

  /// One of the tokens with allowed[token] = 1. Both spans have the length of the vocabulary. Throws rondo::error if no
  /// token is allowed.
  rondo::music::Token operator()(std::span<const float> logits, std::span<const std::uint8_t> allowed) {
    masked_.assign(logits.begin(), logits.end());
    preserve_kind_probabilities(masked_, allowed);
    return sampler_(std::span<const float>(masked_), allowed, rng_).token;
  }

 private:
  rondo::Sampler sampler_;
  rondo::Rng rng_;
  std::vector<float> masked_;  // logits with kind probabilities preserved under the mask
};

}  // namespace piano

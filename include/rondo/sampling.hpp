// SPDX-License-Identifier: MIT
// From logits to a choice: temperature, top-k, top-p, min-p and a mask, as pure functions of one column of logits. The
// filters apply to the tempered distribution over the allowed tokens, in the order top-k, top-p, min-p, each to what
// the one before it left, renormalised.
#pragma once

#include <rondo/core/error.hpp>
#include <rondo/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rondo::inline RONDO_ABI {

struct SamplingConfig {
  double temperature = 1;  // > 0; below 1 plays safe, above 1 dares; 0 takes the most likely
  int top_k = 0;           // keep the k most likely; 0 keeps all
  double top_p = 1;        // keep the fewest whose probabilities sum to p (Holtzman et al. 2020); 1 keeps all
  double min_p = 0;  // keep those at least min_p times as likely as the most likely (Nguyen et al. 2024); 0 keeps all

  /// Throws rondo::error, naming the setting that is out of range.
  void validate() const {
    if (!(temperature >= 0) || !std::isfinite(temperature))
      throw error(detail::concat("sampling: temperature is ", temperature, ", wanted a number >= 0"));
    if (top_k < 0) throw error(detail::concat("sampling: top_k is ", top_k, ", wanted >= 0"));
    if (!(top_p > 0 && top_p <= 1)) throw error(detail::concat("sampling: top_p is ", top_p, ", wanted (0, 1]"));
    if (!(min_p >= 0 && min_p < 1)) throw error(detail::concat("sampling: min_p is ", min_p, ", wanted [0, 1)"));
  }
};

/// log softmax(logits)[token], nats.
template <class Scalar>
double log_probability(std::span<const Scalar> logits, std::int32_t token) {
  double highest = static_cast<double>(logits[0]), sum = 0;
  for (Scalar z : logits) highest = std::max(highest, static_cast<double>(z));
  for (Scalar z : logits) sum += std::exp(static_cast<double>(z) - highest);
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - highest - std::log(sum);
}

/// Draws tokens; keeps its memory between calls.
class Sampler {
 public:
  struct Choice {
    std::int32_t token;
    double log_probability;  // nats, under the model itself: temperature 1, nothing filtered or masked
  };

  explicit Sampler(const SamplingConfig& config) : config_(config) { config.validate(); }

  /// One token for a column of logits. `allowed`, unless empty, has one flag a token, and at least one is set.
  template <class Scalar>
  Choice operator()(std::span<const Scalar> logits, std::span<const std::uint8_t> allowed, Rng& rng) {
    distribution(logits, allowed);
    double at = rng.uniform();  // inverse of the cumulative distribution, most likely first
    std::size_t chosen = 0;
    while (chosen + 1 < candidates_.size() && at >= candidates_[chosen].probability)
      at -= candidates_[chosen++].probability;
    const auto token = candidates_[chosen].token;
    return {token, rondo::log_probability(logits, token)};
  }

  struct Candidate {
    std::int32_t token;
    double probability;
  };

  /// What is left to choose from, most likely first; probabilities sum to 1. Throws rondo::error if no token is
  /// allowed, or the logit of one that is allowed is not a number.
  template <class Scalar>
  std::span<const Candidate> distribution(std::span<const Scalar> logits, std::span<const std::uint8_t> allowed) {
    candidates_.clear();
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (allowed.empty() || allowed[i]) {
        if (std::isnan(logits[i])) throw error(detail::concat("sampling: the logit of token ", i, " is not a number"));
        candidates_.push_back({static_cast<std::int32_t>(i), static_cast<double>(logits[i])});
      }
    if (candidates_.empty()) throw error("sampling: no token is allowed");
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return a.probability != b.probability ? a.probability > b.probability : a.token < b.token;
    });
    if (config_.temperature == 0) keep(1);
    const double highest = candidates_.front().probability;
    for (Candidate& c : candidates_)
      c.probability = config_.temperature > 0 ? std::exp((c.probability - highest) / config_.temperature) : 1;

    if (config_.top_k > 0) keep(static_cast<std::size_t>(config_.top_k));
    normalise();
    if (config_.top_p < 1) {
      std::size_t n = 0;
      for (double sum = 0; n < candidates_.size() && sum < config_.top_p; ++n) sum += candidates_[n].probability;
      keep(n);
    }
    if (config_.min_p > 0) {
      const double least = config_.min_p * candidates_.front().probability;
      std::size_t n = 0;
      while (n < candidates_.size() && candidates_[n].probability >= least) ++n;
      keep(n);
    }
    normalise();
    return candidates_;
  }

 private:
  void keep(std::size_t n) {
    n = std::clamp<std::size_t>(n, 1, candidates_.size());
    candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(n), candidates_.end());
  }

  void normalise() {
    double sum = 0;
    for (const Candidate& c : candidates_) sum += c.probability;
    for (Candidate& c : candidates_) c.probability /= sum;
  }

  SamplingConfig config_;
  std::vector<Candidate> candidates_;
};

}  // namespace rondo::inline RONDO_ABI

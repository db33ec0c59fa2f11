// SPDX-License-Identifier: MIT
#include "piano/evaluation/evaluate.hpp"

#include <numeric>

namespace piano {

double Likelihood::total_nats() const { return std::accumulate(nats.begin(), nats.end(), 0.0); }
std::size_t Likelihood::total_tokens() const { return std::accumulate(tokens.begin(), tokens.end(), std::size_t{0}); }

double Likelihood::of(rondo::music::EventKind kind) const {
  const auto k = static_cast<std::size_t>(kind);
  return tokens[k] > 0 ? nats[k] / static_cast<double>(tokens[k]) : 0;
}

}  // namespace piano

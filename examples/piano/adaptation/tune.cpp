// SPDX-License-Identifier: MIT
#include "piano/adaptation/tune.hpp"
#include "piano/adaptation/adaptive_model.hpp"
#include "piano/evaluation/style.hpp"

#include <limits>
#include <vector>

namespace piano {

namespace music = rondo::music;

Likelihood evaluate_adaptive(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings,
                             std::span<const music::Piece> pieces, const music::InputSpec& input_spec,
                             std::size_t limit) {
  AdaptiveModel model(trained, settings);
  Likelihood likelihood;
  for (const music::Piece& piece : pieces) {
    model.reset();
    likelihood.add(model.read(piece, input_spec, false, limit));
  }
  return likelihood;
}

AdaptationSettings tune_adaptation(const rondo::TokenModel<float>& trained, std::span<const music::Piece> pieces,
                                   const music::InputSpec& input_spec, std::size_t tokens) {
  AdaptationSettings best;
  if (tokens < kFewestTuningTokens || pieces.empty()) return best;
  std::vector<music::Piece> some;
  for (const music::Piece* piece : evenly_spaced(pieces, 4)) some.push_back(*piece);
  double best_nats = std::numeric_limits<double>::infinity();
  const auto attempt = [&](AdaptationSettings settings) {
    const Likelihood likelihood = evaluate_adaptive(trained, settings, some, input_spec, tokens / some.size());
    if (likelihood.total_tokens() < kFewestTuningTokens || !(likelihood.per_token() < best_nats)) return;
    best_nats = likelihood.per_token();
    best = settings;
  };
  for (const double rate : {2e-4, 5e-4, 1e-3, 2e-3}) attempt({.learning_rate = rate});
  const double rate = best.learning_rate;
  for (const double pull : {0.0, 0.005}) attempt({.learning_rate = rate, .pull = pull});
  return best;
}

}  // namespace piano

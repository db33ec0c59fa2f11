// SPDX-License-Identifier: MIT
// Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018): a model that goes on learning while it reads. It
// predicts a window of tokens, then takes one step of the optimiser on that window, and is drawn back a little to the
// trained weights. What it predicts, it has not yet learned from.
#pragma once

#include "piano/evaluation/evaluate.hpp"
#include "piano/run/adaptation_settings.hpp"

#include <rondo/core/random.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/optim/adam.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace piano {

class AdaptiveModel {
 public:
  /// Starts from the weights of `trained`, without its dropout.
  AdaptiveModel(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings);

  /// Forgets what was learned: trained weights and a fresh optimiser.
  void reset();

  /// Reads a piece from its first token, at most about `limit` tokens, and learns from it. Returns the likelihood of
  /// its tokens, each predicted before the model learned from it. Conditions that look ahead are given if
  /// `conditioned`.
  Likelihood read(const rondo::music::Piece& piece, const rondo::music::InputSpec& input_spec, bool conditioned = false,
                  std::size_t limit = std::numeric_limits<std::size_t>::max());

  /// The model with what it has learned so far.
  const rondo::TokenModel<float>& model() const { return model_; }

 private:
  void learn();

  AdaptationSettings settings_;
  rondo::Rng rng_{0};  // not drawn from: there is no dropout
  rondo::TokenModel<float> model_;
  std::vector<std::vector<float>> trained_;  // values of each parameter
  rondo::Adam adam_;
  rondo::TokenModel<float>::Cache cache_;
};

/// The likelihood of pieces with adaptation, which starts again with each piece; of at most about `limit` tokens of
/// each.
Likelihood evaluate_adaptive(const rondo::TokenModel<float>& trained, const AdaptationSettings& settings,
                             std::span<const rondo::music::Piece> pieces, const rondo::music::InputSpec& input_spec,
                             std::size_t limit = std::numeric_limits<std::size_t>::max());

/// Settings whose likelihood is best on training pieces: the beginnings of up to four of them, about `tokens` tokens in
/// all. Learning rate first, then the pull. The defaults if there are less than kFewestTuningTokens.
AdaptationSettings tune_adaptation(const rondo::TokenModel<float>& trained,
                                   std::span<const rondo::music::Piece> training_pieces,
                                   const rondo::music::InputSpec& input_spec, std::size_t tokens);
inline constexpr std::size_t kFewestTuningTokens = 512;

}  // namespace piano

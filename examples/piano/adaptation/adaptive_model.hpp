// SPDX-License-Identifier: MIT
// Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018): a model that goes on learning while it reads. It
// predicts a window of tokens, then takes one step of the optimiser on that window, and is drawn back a little to the
// trained weights. What it predicts, it has not yet learned from.
#pragma once

#include "piano/adaptation/settings.hpp"
#include "piano/evaluation/evaluate.hpp"

#include <rondo/core/random.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/optim/adam.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
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

  /// Predicts the targets of a window of one sequence, T tokens with the ids of their inputs, then learns from them.
  /// kIgnoreIndex excludes a target; `excluded` is that of a music::Batch. `state` and `likelihood`, in/out, continue
  /// those of the window before.
  void read(std::span<const std::int32_t> inputs, std::span<const std::int32_t> targets,
            std::span<const std::uint8_t> excluded, rondo::TokenModel<float>::State& state, Likelihood& likelihood);

  /// The model with what it has learned so far. The reference remains valid.
  const rondo::TokenModel<float>& model() const { return model_; }
  const AdaptationSettings& settings() const { return settings_; }

 private:
  void learn();

  AdaptationSettings settings_;
  rondo::Rng rng_{0};  // not drawn from: there is no dropout
  rondo::TokenModel<float> model_;
  std::vector<std::vector<float>> trained_;  // values of each parameter
  rondo::Adam adam_;
  rondo::TokenModel<float>::Cache cache_;
};

/// A piece that an adaptive model reads window by window.
class Reading {
 public:
  /// `model` must outlive this object. The rest as for AdaptiveModel::read.
  Reading(AdaptiveModel& model, const rondo::music::Piece& piece, const rondo::music::InputSpec& input_spec,
          bool conditioned = false);

  /// Reads the next window and learns from it. False after the last.
  bool next();
  const Likelihood& likelihood() const { return likelihood_; }  ///< of all tokens read so far

 private:
  AdaptiveModel* model_;
  std::unique_ptr<rondo::music::EvaluationBatches> windows_;  // cannot be moved
  rondo::TokenModel<float>::State state_;
  Likelihood likelihood_;
};

}  // namespace piano

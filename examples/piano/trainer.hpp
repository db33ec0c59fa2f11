// SPDX-License-Identifier: MIT
// Trainer: one run of training, a step at a time. What it needs to go on after a stop is in the run's folder.
#pragma once

#include "evaluate.hpp"
#include "run_dir.hpp"

#include <rondo/core/random.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/optim/adam.hpp>

#include <cstdint>
#include <limits>

namespace piano {

/// The batches that a run with this configuration trains on.
rondo::music::BatchOptions batch_options(const Config& config);

class Trainer {
 public:
  /// Fresh weights, drawn from config.seed. Pieces are copied into batches.
  Trainer(const Config& config, const rondo::music::Corpus& corpus);

  struct Step {
    double nll;        // nats per token of this batch
    double grad_norm;  // before clipping
    double rate;       // learning rate
    std::size_t tokens;
  };

  /// One batch: forward, backward, clip, Adam. `progress` in [0, 1] places the learning rate on its schedule. Throws
  /// std::runtime_error when the gradient is no longer a number, and leaves the weights as they were.
  Step step(double progress);

  /// Validation likelihood of the present weights.
  Likelihood validate() const { return evaluate(model_, corpus_.valid); }

  /// Writes last.safetensors. `seconds` is the time trained so far.
  void save(const RunDir& run, double seconds);
  /// Writes model.safetensors, and remembers its likelihood.
  void save_best(const RunDir& run, double valid_nll);
  /// Goes on from last.safetensors; returns the time trained so far. Throws rondo::file_error.
  double resume(const RunDir& run);

  std::int64_t steps() const { return adam_.steps(); }
  std::size_t tokens() const { return tokens_; }
  double best_valid() const { return best_valid_; }
  std::size_t tokens_per_epoch() const { return batches_.tokens_per_epoch(); }
  rondo::TokenModel<float>& model() { return model_; }

 private:
  Config config_;
  const rondo::music::Corpus& corpus_;
  rondo::Rng rng_;
  rondo::TokenModel<float> model_;
  rondo::Adam adam_;
  rondo::music::Batches batches_;
  rondo::LstmState<float> state_;
  rondo::TokenModel<float>::Cache cache_;
  std::size_t tokens_ = 0;
  double best_valid_ = std::numeric_limits<double>::infinity();
};

}  // namespace piano

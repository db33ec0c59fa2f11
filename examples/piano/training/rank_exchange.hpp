// SPDX-License-Identifier: MIT
// What the ranks of a training run exchange: gradients in each step, or weights every few steps, and with them the
// totals of a step and whether all should stop.
#pragma once

#include "piano/run/distribution.hpp"

#include <rondo/distributed/communicator.hpp>
#include <rondo/distributed/data_parallel.hpp>
#include <rondo/distributed/local_steps.hpp>
#include <rondo/optim/factored_parameters.hpp>

#include <array>
#include <optional>

namespace piano {

/// What all ranks know after an exchange.
struct RankTotals {
  double nats = 0, tokens = 0;  // of all ranks
  double stop = 0;              // number of ranks that were told to end
  double progress = 0;          // position in the run, by the clock of rank 0
};

template <class Device>
class RankExchange {
 public:
  /// Copies the weights of rank 0 to all ranks.
  template <class Model>
  RankExchange(Model& model, rondo::Communicator& ranks, const Distribution& distribution)
      : ranks_(ranks), gradients_(model, alone_or(ranks, distribution), {.precision = distribution.precision}) {
    if (distribution.local_steps > 0)
      local_.emplace(model, ranks,
                     rondo::LocalStepsOptions{.every = distribution.local_steps,
                                              .learning_rate = distribution.outer_learning_rate,
                                              .momentum = distribution.outer_momentum,
                                              .precision = distribution.precision});
  }

  rondo::Communicator& ranks() const { return ranks_; }

  /// What this rank adds to the totals of the next exchange, but for nats and tokens.
  void announce(bool stop, double progress) {
    own_[2] += stop;
    own_[3] = ranks_.rank() == 0 ? progress : 0;
  }
  /// The totals of the last exchange.
  const RankTotals& totals() const { return totals_; }
  /// Whether the last step was an exchange.
  bool exchanged() const { return exchanged_; }

  // ---- one step, in this order

  void accumulate(double tokens, double nats_of_a_token) {
    add(tokens, tokens * nats_of_a_token);
    gradients_.accumulate(tokens);
  }
  void begin(double tokens) { gradients_.begin(tokens); }
  auto when_ready() { return gradients_.when_ready(); }
  /// Gradients become the mean over all ranks.
  template <class Loss>
  void finish(double tokens, Loss&& nats_of_a_token) {
    if (ranks_.size() > 1) add(tokens, tokens * nats_of_a_token());
    exchanged_ = !local_;
    if (local_) {
      gradients_.finish();
    } else {
      gradients_.finish(own_);
      take_totals();
    }
  }
  template <class Model>
  void after_step(Model& model) {
    if (!local_) return;
    exchanged_ = local_->after_step(model, own_);
    if (exchanged_) take_totals();
  }

  // ----

  /// Before an evaluation or a checkpoint: gives all ranks the same weights and moments, and checks that. Collective.
  void agree(rondo::FactoredTokens<float, Device>& factored) {
    if (local_) {
      local_->finish(factored.model());
      local_->average_moments(factored);
    }
    rondo::require_same_weights(factored.model(), ranks_);
    gradients_.clear_rounding();  // a resumed run must continue as this one does
    if (local_) local_->clear_rounding();
  }

  /// After weights were read from a file by rank 0.
  template <class Model>
  void restart(Model& model) {
    rondo::broadcast_weights(model, ranks_);
    if (local_) local_->restart(model);
  }

  /// The momentum of outer steps, which a checkpoint stores; empty without.
  std::span<float> outer_momentum() { return local_ ? local_->momentum() : std::span<float>(); }

 private:
  /// With local steps the gradients stay on their rank.
  rondo::Communicator& alone_or(rondo::Communicator& ranks, const Distribution& distribution) {
    return distribution.local_steps > 0 ? static_cast<rondo::Communicator&>(alone_) : ranks;
  }

  void add(double tokens, double nats) {
    own_[0] += nats;
    own_[1] += tokens;
  }
  void take_totals() {
    totals_ = {own_[0], own_[1], own_[2], own_[3]};
    own_ = {};
  }

  rondo::Communicator& ranks_;
  rondo::SingleProcess alone_;
  rondo::DataParallel<float, Device> gradients_;
  std::optional<rondo::LocalSteps<float, Device>> local_;
  std::array<double, 4> own_{};
  RankTotals totals_;
  bool exchanged_ = false;
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// A small model that is trained in the page, on the MIDI files that were dropped there, for a given time.
#pragma once

#include "piano/instrument/packed_model.hpp"
#include "piano/training/train_on_batch.hpp"

#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/optim/adam.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace piano {

class PageTraining {
 public:
  /// `seconds` (> 0) of training.
  PageTraining(double seconds, std::uint64_t seed);

  PageTraining(const PageTraining&) = delete;  // the factors refer to the model
  PageTraining& operator=(const PageTraining&) = delete;

  /// Adds a MIDI file. Throws rondo::midi::error or std::runtime_error that names the file, if it has no notes or a
  /// note of it cannot be used. To be called before the first step.
  void add(std::span<const std::uint8_t> midi, const std::string& name);

  struct Progress {
    double nll;          // nats per token of this batch
    double done;         // fraction of the time, in [0, 1]
    std::size_t tokens;  // so far
  };
  /// One batch. Throws std::invalid_argument without music, std::runtime_error if the loss is NaN or infinite.
  Progress step();

  const std::vector<rondo::music::Piece>& pieces() const { return pieces_; }
  const PlayableModel& model() const { return model_; }

 private:
  double seconds_, used_ = 0;
  std::uint64_t seed_;
  PlayableModel model_;
  rondo::FactoredTokens<float> factored_;  // of model_
  rondo::Rng rng_;
  rondo::Adam adam_;
  std::vector<rondo::music::Piece> pieces_;
  std::optional<rondo::music::Batches> batches_;
  rondo::TokenModel<float>::State state_;
  rondo::TokenModel<float>::Cache cache_;
  BatchResultOnDevice<rondo::Cpu> on_device_;
  std::size_t tokens_ = 0;
};

}  // namespace piano

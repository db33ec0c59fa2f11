// SPDX-License-Identifier: MIT
#include "piano/instrument/page_training.hpp"
#include "piano/training/train_on_batch.hpp"

#include <rondo/midi/reader.hpp>
#include <rondo/music/load.hpp>
#include <rondo/optim/schedule.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace piano {

namespace music = rondo::music;

namespace {

// 1 x 128 with the conditions of the program's small configuration: thousands of tokens per second in a browser.
constexpr music::Conditions kConditions{.notes_per_second = true, .key = true, .active_notes = true};
constexpr rondo::Index kEmbedding = 64, kHidden = 128, kLayers = 1;
constexpr int kBatch = 16, kSteps = 48, kWindows = 32;
constexpr double kLearningRate = 1e-2, kWarmup = 0.02, kBeta2 = 0.95, kWeightDecay = 0.1, kClip = 0.3;

}  // namespace

PageTraining::PageTraining(double seconds, std::uint64_t seed)
    : seconds_(seconds),
      seed_(seed),
      model_(new_model(music::PedalMode::extend, kConditions, /*grammar=*/true, kEmbedding, kHidden, kLayers, seed)),
      factored_(with_token_features(model_.network, model_.input_spec())),
      rng_(seed),
      adam_({.learning_rate = kLearningRate, .beta2 = kBeta2, .weight_decay = kWeightDecay}),
      state_(model_.network.zero_state(kBatch)) {}

void PageTraining::add(std::span<const std::uint8_t> midi, const std::string& name) {
  music::Piece piece = music::piece_of(rondo::midi::read(midi).file, name);
  if (piece.performance.duration.value > music::kLongestPerformance)
    throw std::runtime_error(name + ": lasts " + std::to_string(piece.performance.duration.value) + " s, too long");
  piece.performance = music::apply_pedal(piece.performance, model_.pedal);
  pieces_.push_back(std::move(piece));
}

PageTraining::Progress PageTraining::step() {
  const auto start = std::chrono::steady_clock::now();
  if (!batches_)
    batches_.emplace(pieces_,
                     music::BatchOptions{.batch = kBatch,
                                         .steps = kSteps,
                                         .windows = kWindows,
                                         .seed = seed_,
                                         .augmentation = {.lowest_transposition = -3, .highest_transposition = 3},
                                         .input_spec = model_.input_spec()});
  const auto& batch = batches_->next();
  const rondo::WarmupCosine schedule{.peak = kLearningRate, .warmup = kWarmup, .min_ratio = 0.01};
  const BatchResult result = train_on_batch(factored_, adam_, batch, kSteps, kClip, schedule(used_ / seconds_), state_,
                                            cache_, on_device_, rng_);
  if (!result.finite()) throw std::runtime_error("training: the loss is NaN or infinite");
  tokens_ += batch.tokens;
  used_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {result.nll, std::min(1.0, used_ / seconds_), tokens_};
}

}  // namespace piano

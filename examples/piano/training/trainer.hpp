// SPDX-License-Identifier: MIT
// Trainer: the steps of one training run, on any device. All that is needed to resume it, on the same or another
// device, is in the run folder.
#pragma once

#include "piano/evaluation/evaluate.hpp"
#include "piano/run/json_keys.hpp"
#include "piano/run/run_dir.hpp"
#include "piano/training/train_on_batch.hpp"

#include <rondo/core/random.hpp>
#include <rondo/io/checkpoint.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/schedule.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>

namespace piano {

/// The batches that a run with this configuration trains on.
inline rondo::music::BatchOptions batch_options(const Config& config) {
  return {.batch = config.batch_size,
          .steps = config.sequence_length,
          .windows = config.windows,
          .seed = config.seed,
          .augmentation = config.augmentation,
          .input_spec = config.input_spec()};
}

/// The result of one training step.
struct TrainingStep {
  double nll;        // nats per token of this batch
  double grad_norm;  // before clipping
  double rate;       // learning rate
  std::size_t tokens;
  double seconds, data_seconds;  // of the whole step; of preparing its batch
};

template <class Device = rondo::Cpu>
class Trainer {
 public:
  /// Initialises the weights with config.seed. `corpus` must outlive the trainer.
  Trainer(const Config& config, const rondo::music::Corpus& corpus)
      : config_(config),
        corpus_(corpus),
        rng_(config.seed),
        model_(config.model, rng_),
        adam_({.learning_rate = config.learning_rate, .beta2 = config.beta2, .weight_decay = config.weight_decay}),
        batches_(corpus.train, batch_options(config)),
        state_(model_.zero_state(config.batch_size)) {}

  /// One batch: forward, backward, clip, Adam. `progress` in [0, 1] is the position in the learning-rate schedule.
  /// Throws std::runtime_error if the gradient is NaN or infinite, and leaves the weights unchanged.
  TrainingStep step(double progress) {
    const auto start = std::chrono::steady_clock::now();
    const auto since_start = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const auto& batch = batches_.next();
    const double data_seconds = since_start();
    const rondo::WarmupCosine schedule{.peak = config_.learning_rate, .warmup = config_.warmup, .min_ratio = 0.01};
    const double rate = schedule(progress);
    const BatchResult result = train_on_batch(model_, adam_, batch, config_.sequence_length, config_.clip, rate, state_,
                                              cache_, on_device_, rng_);
    tokens_ += batch.tokens;
    if (!result.finite()) throw_diverged(steps(), "gradient");
    return {result.nll, result.grad_norm, rate, batch.tokens, since_start(), data_seconds};
  }

  /// The validation likelihood of the current weights. Throws std::runtime_error if it is NaN or infinite: such weights
  /// must not be saved.
  Likelihood validate() const {
    const Likelihood likelihood = evaluate(model_, corpus_.valid, config_.input_spec());
    if (!std::isfinite(likelihood.per_token())) throw_diverged(steps(), "likelihood");
    return likelihood;
  }

  /// Writes last.safetensors. `seconds` is the training time so far.
  void save(const RunDir& run, double seconds) {
    rondo::Safetensors file;
    file.metadata = about_modules();
    file.metadata["config"] = config_.to_json().dump();
    file.metadata["training"] = nlohmann::json{
        {"seconds", seconds},
        {"tokens", tokens_},
        {"best_valid_nll", best_valid_},
        {"batches", batches_.step()},
        {"random_drawn",
         rng_.state().drawn}}.dump();
    rondo::add_weights(file, model_);
    rondo::add_optimizer(file, model_, adam_);
    rondo::add_sequence(file, "state.h", state_.h);  // the next sequences continue with the state of the last ones
    rondo::add_sequence(file, "state.c", state_.c);
    file.write(run.last());
  }

  /// Writes model.safetensors and stores its validation loss.
  void save_best(const RunDir& run, double valid_nll) {
    best_valid_ = valid_nll;
    auto metadata = about_modules();
    metadata["config"] = config_.to_json().dump();
    metadata["valid_nll"] = std::to_string(valid_nll);
    metadata["step"] = std::to_string(steps());
    rondo::save_model(run.model(), model_, metadata);
  }

  /// Starts from the best weights of another run, with a fresh optimiser. Throws rondo::file_error.
  void start_from(const RunDir& source) { rondo::load_model(source.model(), model_); }

  /// Resumes from last.safetensors; returns the training time so far. Throws rondo::file_error.
  double resume(const RunDir& run) {
    const auto path = run.last();
    const auto file = rondo::Safetensors::read(path);
    try {
      rondo::read_weights(file, model_, "training.");
      rondo::read_optimizer(file, model_, adam_);
      rondo::read_sequence(file, "state.h", state_.h);
      rondo::read_sequence(file, "state.c", state_.c);
      const auto metadata = file.metadata.find("training");
      if (metadata == file.metadata.end()) throw std::runtime_error("the metadata \"training\" is missing");
      const auto training = parse_json(metadata->second);
      refuse_renamed_key(training, "best_valid", "best_valid_nll");
      std::int64_t batches = 0;
      std::uint64_t drawn = 0;
      double seconds = 0;
      read_value(training, "batches", batches);
      read_value(training, "random_drawn", drawn);
      read_value(training, "tokens", tokens_);
      read_value(training, "best_valid_nll", best_valid_);
      read_value(training, "seconds", seconds);
      batches_.seek(batches);
      rng_ = rondo::Rng({.seed = config_.seed, .stream = 0, .drawn = drawn});
      return seconds;
    } catch (const std::exception& e) {
      throw rondo::file_error(path.string() + ": " + e.what());
    }
  }

  std::int64_t steps() const { return adam_.steps(); }
  std::size_t tokens() const { return tokens_; }
  double best_valid_nll() const { return best_valid_; }
  std::size_t tokens_per_epoch() const { return batches_.tokens_per_epoch(); }
  rondo::TokenModel<float, Device>& model() { return model_; }

 private:
  /// What `rondo`, the tool for model files, wants to know.
  std::map<std::string, std::string> about_modules() const {
    return {{"rondo.modules", "embedding, lstm, output"},
            {"rondo.ids_per_step", std::to_string(config_.model.ids_per_step)}};
  }

  [[noreturn]] void throw_diverged(std::int64_t step, const char* what) const {
    char text[240];
    std::snprintf(text, sizeof text,
                  "training diverged at step %lld: the %s is NaN or infinite; the saved weights are unchanged; "
                  "try a smaller --learning-rate (now %g) or --clip (now %g)",
                  static_cast<long long>(step), what, config_.learning_rate, config_.clip);
    throw std::runtime_error(text);
  }

  Config config_;
  const rondo::music::Corpus& corpus_;
  rondo::Rng rng_;
  rondo::TokenModel<float, Device> model_;
  rondo::Adam adam_;
  rondo::music::Batches batches_;
  rondo::LstmState<float, Device> state_;
  typename rondo::TokenModel<float, Device>::Cache cache_;
  BatchResultOnDevice<Device> on_device_;
  std::size_t tokens_ = 0;
  double best_valid_ = std::numeric_limits<double>::infinity();
};

}  // namespace piano

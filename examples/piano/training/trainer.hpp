// SPDX-License-Identifier: MIT
// Trainer: the steps of one training run, on any device. All that is needed to resume it, on the same or another
// device, is in the run folder.
#pragma once

#include "piano/evaluation/evaluate.hpp"
#include "piano/run/json_keys.hpp"
#include "piano/run/run_dir.hpp"
#include "piano/training/batch_source.hpp"
#include "piano/training/rank_exchange.hpp"
#include "piano/training/rank_state.hpp"
#include "piano/training/shard_batches.hpp"
#include "piano/training/train_on_batch.hpp"

#include <rondo/core/captured_step.hpp>
#include <rondo/core/random.hpp>
#include <rondo/io/checkpoint.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/optim/adam.hpp>
#include <rondo/optim/factored_parameters.hpp>
#include <rondo/optim/schedule.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace piano {

/// The batches that a run with this configuration trains on; with `streams`, the columns of one of its ranks.
inline rondo::music::BatchOptions batch_options(const Config& config, const rondo::RankPart& streams = {}) {
  return {.batch = config.batch_size,
          .first_stream = static_cast<int>(streams.first),
          .streams = static_cast<int>(streams.count),
          .steps = config.sequence_length,
          .windows = config.windows,
          .seed = config.seed,
          .augmentation = config.augmentation,
          .input_spec = config.input_spec()};
}

/// The result of one training step.
struct TrainingStep {
  double nll;                    // nats per token
  double grad_norm;              // before clipping
  double rate;                   // learning rate
  std::size_t tokens;            // 0: the ranks have not exchanged their results yet
  double seconds, data_seconds;  // of the whole step; of preparing its batch
};

template <class Device = rondo::Cpu>
class Trainer {
 public:
  /// Initialises the weights with config.seed. `corpus` and `ranks` must outlive the trainer. Collective. Throws
  /// std::runtime_error if there are more ranks than sequences in a batch.
  /// Batches are those of `shards`, if it is not null, else of the corpus.
  Trainer(const Config& config, const rondo::music::Corpus& corpus, const ShardSet* shards, rondo::Communicator& ranks)
      : config_(config),
        corpus_(corpus),
        ranks_(ranks),
        streams_(own_streams(config, ranks)),
        rng_(config.seed),
        model_(config.model, rng_),
        factored_(config.token_features ? with_token_features(model_, config.input_spec())
                                        : rondo::factored_tokens(model_, rondo::MatrixView<const float>{})),
        exchange_(model_, ranks, config.distribution),
        adam_({.learning_rate = config.learning_rate, .beta2 = config.beta2, .weight_decay = config.weight_decay}),
        batches_(batches_of(config, corpus, shards, batch_options(config, streams_))),
        state_(model_.zero_state(static_cast<rondo::Index>(streams_.count))) {
    if (ranks.rank() > 0) rng_ = own_random(0);
  }

  /// One step: forward, backward, clip, Adam. `progress` in [0, 1] is the position in the learning-rate schedule. With
  /// several ranks collective, and the loss and the tokens are those of all. Throws std::runtime_error if the gradient
  /// is NaN or infinite, and leaves the weights unchanged.
  TrainingStep step(double progress) {
    const auto start = std::chrono::steady_clock::now();
    const auto since_start = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    double data_seconds = 0;
    const auto next_batch = [&]() -> const rondo::music::Batch& {
      const double begin = since_start();
      const auto& batch = batches_->next();
      data_seconds += since_start() - begin;
      return batch;
    };
    double nats = 0, tokens = 0;
    const auto add = [&](const rondo::music::Batch& batch, double nll) {
      nats += nll * static_cast<double>(batch.tokens);
      tokens += static_cast<double>(batch.tokens);
    };
    if (config_.distribution.accumulate > 1) rondo::zero_grad(model_);
    for (int part = 1; part < config_.distribution.accumulate; ++part) {
      const auto& batch = next_batch();
      add_gradients(model_, batch, config_.sequence_length, state_, cache_, on_device_.loss, rng_,
                    rondo::NotifyNobody{});
      const double nll = on_device_.loss.get().mean();
      exchange_.accumulate(static_cast<double>(batch.tokens), nll);
      add(batch, nll);
    }
    const auto& batch = next_batch();
    const rondo::WarmupCosine schedule{.peak = config_.learning_rate, .warmup = config_.warmup, .min_ratio = 0.01};
    const double rate = schedule(progress);
    const BatchResult result =
        train_on_batch(factored_, adam_, batch, config_.sequence_length, config_.clip, rate, state_, cache_, on_device_,
                       rng_, exchange_, captured_ ? &*captured_ : nullptr);
    if (!result.finite()) throw_diverged(steps(), "gradient");
    add(batch, result.nll);
    if (ranks_.size() > 1)
      nats = exchange_.totals().nats, tokens = exchange_.exchanged() ? exchange_.totals().tokens : 0;
    tokens_ += static_cast<std::size_t>(tokens);
    return {nats / tokens, result.grad_norm, rate, static_cast<std::size_t>(tokens), since_start(), data_seconds};
  }

  /// The validation likelihood of the current weights, after agree(). Collective. Throws std::runtime_error if it is
  /// NaN or infinite: such weights must not be saved.
  Likelihood validate() const {
    const Likelihood likelihood = evaluate(model_, corpus_.valid, config_.input_spec(), ranks_);
    if (!std::isfinite(likelihood.per_token())) throw_diverged(steps(), "likelihood");
    return likelihood;
  }

  /// Before validate() and save(): gives all ranks the same weights. Collective.
  void agree() { exchange_.agree(factored_); }

  /// Rank 0 writes last.safetensors, after agree(). `seconds` is the training time so far. Collective.
  void save(const RunDir& run, double seconds) {
    const auto state = all_streams(ranks_, state_, config_.batch_size);
    const auto drawn = gather_values(ranks_, rng_.state().drawn);
    const auto positions = all_positions(ranks_, batches_->positions());
    if (ranks_.rank() > 0) return;
    rondo::Safetensors file;
    file.metadata = about_modules();
    file.metadata["config"] = config_.to_json().dump();
    file.metadata["training"] =
        nlohmann::json{{"seconds", seconds},          {"tokens", tokens_},      {"best_valid_nll", best_valid_},
                       {"batches", batches_->step()}, {"positions", positions}, {"random_drawn", drawn}}
            .dump();  // of each rank
    rondo::add_weights(file, model_);
    rondo::add_optimizer(file, factored_, adam_);
    rondo::add_sequence(file, "state.h", state.h);  // the next sequences continue with the state of the last ones
    rondo::add_sequence(file, "state.c", state.c);
    if (const auto momentum = exchange_.outer_momentum(); !momentum.empty())
      file.add<float>(kOuterMomentum, {static_cast<rondo::Index>(momentum.size())}, momentum);
    file.write(run.last());
  }

  /// Stores the validation loss of the best model, which rank 0 writes: model.safetensors.
  void save_best(const RunDir& run, double valid_nll) {
    best_valid_ = valid_nll;
    if (ranks_.rank() > 0) return;
    auto metadata = about_modules();
    metadata["config"] = config_.to_json().dump();
    metadata["valid_nll"] = std::to_string(valid_nll);
    metadata["step"] = std::to_string(steps());
    rondo::save_model(run.model(), model_, metadata);
  }

  /// Starts from the best weights of another run, with a fresh optimiser. Rank 0 reads them. Collective. Throws
  /// rondo::file_error.
  void start_from(const RunDir& source) {
    if (ranks_.rank() == 0) rondo::load_model(source.model(), model_);
    exchange_.restart(model_);
  }

  /// Resumes from last.safetensors, which rank 0 reads; returns the training time so far. The number of ranks may have
  /// changed. Collective. Throws rondo::file_error.
  double resume(const RunDir& run) {
    const auto path = run.last();
    const auto file = read_on_rank_0(ranks_, path);
    try {
      rondo::read_weights(file, model_, "training.");
      rondo::read_optimizer(file, factored_, adam_);
      auto state = model_.zero_state(config_.batch_size);
      rondo::read_sequence(file, "state.h", state.h);
      rondo::read_sequence(file, "state.c", state.c);
      take_streams(state, streams_, state_);
      if (const auto momentum = exchange_.outer_momentum(); !momentum.empty())
        std::ranges::copy(
            rondo::detail::values_of<float>(file, kOuterMomentum, {static_cast<rondo::Index>(momentum.size())}),
            momentum.begin());
      exchange_.restart(model_);
      const auto metadata = file.metadata.find("training");
      if (metadata == file.metadata.end()) throw std::runtime_error("the metadata \"training\" is missing");
      const auto training = parse_json(metadata->second);
      refuse_renamed_key(training, "best_valid", "best_valid_nll");
      std::int64_t batches = 0;
      std::vector<std::uint64_t> drawn;
      double seconds = 0;
      read_value(training, "batches", batches);
      if (value_of(training, "random_drawn").is_number())
        read_value(training, "random_drawn", drawn.emplace_back());
      else
        read_value(training, "random_drawn", drawn);
      if (drawn.empty()) throw std::runtime_error("key \"random_drawn\" is empty");
      read_value(training, "tokens", tokens_);
      read_value(training, "best_valid_nll", best_valid_);
      read_value(training, "seconds", seconds);
      batches_->seek(batches, training.value("positions", nlohmann::json()));
      // With as many ranks as before, each continues its own numbers; else none repeats those of any.
      const auto own = static_cast<std::size_t>(ranks_.rank());
      rng_ = own_random(drawn.size() == static_cast<std::size_t>(ranks_.size()) ? drawn[own] : std::ranges::max(drawn));
      return seconds;
    } catch (const std::exception& e) {
      throw rondo::file_error(path.string() + ": " + e.what());
    }
  }

  /// From now on a GPU runs each step as one CUDA graph, unless steps exchange anything with other ranks, or
  /// accumulate.
  void capture_steps() {
    const Distribution& d = config_.distribution;
    if (ranks_.size() == 1 && d.accumulate == 1 && d.local_steps == 0) captured_.emplace();
  }
  /// Null without capture_steps().
  const rondo::CapturedStep<Device>* captured() const { return captured_ ? &*captured_ : nullptr; }

  RankExchange<Device>& exchange() { return exchange_; }
  std::int64_t steps() const { return adam_.steps(); }
  std::size_t tokens() const { return tokens_; }
  double best_valid_nll() const { return best_valid_; }
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

  static constexpr const char* kOuterMomentum = "training.outer_momentum";

  static rondo::RankPart own_streams(const Config& config, const rondo::Communicator& ranks) {
    if (config.batch_size < ranks.size())
      throw std::runtime_error("--batch-size " + std::to_string(config.batch_size) + " is less than the " +
                               std::to_string(ranks.size()) + " ranks that share it");
    return rondo::part_of_rank(static_cast<std::size_t>(config.batch_size), ranks);
  }

  static std::unique_ptr<BatchSource> batches_of(const Config& config, const rondo::music::Corpus& corpus,
                                                 const ShardSet* shards, const rondo::music::BatchOptions& options) {
    if (shards) return std::make_unique<ShardBatches>(*shards, config.pedal, options, config.validation);
    return std::make_unique<BatchesInMemory>(corpus.train, options);
  }

  rondo::Rng own_random(std::uint64_t drawn) const {
    return rondo::Rng({.seed = config_.seed, .stream = static_cast<std::uint64_t>(ranks_.rank()), .drawn = drawn});
  }

  Config config_;
  const rondo::music::Corpus& corpus_;
  rondo::Communicator& ranks_;
  rondo::RankPart streams_;  // of the sequences of a batch, those of this rank
  rondo::Rng rng_;
  rondo::TokenModel<float, Device> model_;
  rondo::FactoredTokens<float, Device> factored_;
  RankExchange<Device> exchange_;
  rondo::Adam adam_;
  std::unique_ptr<BatchSource> batches_;
  rondo::LstmState<float, Device> state_;
  typename rondo::TokenModel<float, Device>::Cache cache_;
  BatchResultOnDevice<Device> on_device_;
  std::optional<rondo::CapturedStep<Device>> captured_;
  std::size_t tokens_ = 0;
  double best_valid_ = std::numeric_limits<double>::infinity();
};

}  // namespace piano

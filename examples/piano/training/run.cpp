// SPDX-License-Identifier: MIT
#include "piano/training/run.hpp"
#include "piano/adaptation/tune.hpp"
#include "piano/data/shards.hpp"
#include "piano/evaluation/metrics.hpp"
#include "piano/evaluation/ngram.hpp"
#include "piano/run/folders.hpp"
#include "piano/training/fit.hpp"
#include "piano/training/metrics.hpp"
#include "piano/training/report.hpp"
#include "piano/training/trainer.hpp"
#include "ranks.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/music/hash.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

volatile std::sig_atomic_t g_interrupted = 0;
void note_interrupt(int) { g_interrupted = 1; }

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[240];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// Totals of the steps since the last line of metrics.
struct StepTotals {
  double seconds = 0, data_seconds = 0, steps = 0, nats = 0;
  std::size_t tokens = 0;

  void add(const TrainingStep& step) {
    seconds += step.seconds;
    data_seconds += step.data_seconds;
    if (step.tokens == 0) return;
    nats += step.nll;
    steps += 1;
    tokens += step.tokens;
  }
};

template <class Device>
class Run {
 public:
  Run(const TrainingOptions& options, rondo::Communicator& ranks, Progress& progress)
      : options_(options), ranks_(ranks), progress_(progress), run_(options.run_dir) {}

  json operator()(Device device) {
    prepare();
    trainer_.emplace(config_, corpus_, shards_ ? &*shards_ : nullptr, ranks_);
    if (options_.cuda_graph) trainer_->capture_steps();
    if (options_.resume)
      before_ = trainer_->resume(run_);
    else if (!config_.from.empty())
      trainer_->start_from(RunDir(config_.from));
    if (writes()) {
      if (!options_.resume) run_.write_config(config_);
      metrics_.emplace(run_.metrics(),
                       options_.resume ? read_metrics(run_.metrics(), trainer_->steps()) : json::array());
      facts_["parameters"] = rondo::parameter_count(trainer_->model());
      remove_file(run_.result());
      describe(examples::name_of(device));
    }

    const InterruptGuard interrupt;
    start_ = std::chrono::steady_clock::now();
    agreed_progress_ = gather_values(ranks_, own_progress())[0];
    // A fine-tuned run begins with the source's likelihood on the new data, and its best model is never worse.
    if (!config_.from.empty() && trainer_->steps() == 0) evaluate();
    double next_evaluation = next_of(options_.evaluations), next_line = next_of(kLines);
    bool interrupted = false;
    while (done() < 1 && !interrupted && !out_of_patience()) {
      step();
      if (done() >= next_evaluation) {
        evaluate();
        next_evaluation = next_of(options_.evaluations);
        next_line = next_of(kLines);
      } else if (done() >= next_line && writes()) {
        latest_line_ = line();
        next_line = next_of(kLines);
      }
      interrupted = ranks_.size() > 1 ? stop_ : interrupt.requested();
    }
    if (evaluated_at_ != trainer_->steps() && trainer_->steps() > 0) evaluate();
    progress_.finish();
    if (!writes()) return {};
    if (const auto* captured = trainer_->captured(); captured && !captured->refusal().empty())
      say("the GPU refused the CUDA graph of a step, so that steps ran without: " + captured->refusal());
    if (interrupted)
      say("stopped at step " + std::to_string(trainer_->steps()) + ", saved in " + options_.run_dir +
          "; resume with: piano train --resume --run-dir " + options_.run_dir);
    else if (out_of_patience())
      say(format("stopped early: %d evaluations without improvement", evaluations_without_improvement_));
    if (!interrupted) {
      tune();
      write_report(run_, config_, facts_, true);
    }
    return result(device, interrupted ? "interrupt" : out_of_patience() ? "patience" : "done");
  }

 private:
  static constexpr double kDecay = 0.99;  // the loss shown is a moving average over about 100 steps
  static constexpr int kLines = 100;      // lines of metrics in a run
  static constexpr std::size_t kTuningTokens = 4000;

  void say(const std::string& text) { progress_.line(text); }
  /// Whether this rank writes the files.
  bool writes() const { return ranks_.rank() == 0; }
  double recent_nll() const { return recent_weight_ > 0 ? recent_sum_ / recent_weight_ : 0; }
  double seconds() const {
    return before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  /// Position in the run, from 0; 1 is the end. By the clock it must be that of one rank, or some would go on alone.
  double done() const { return ranks_.size() > 1 && config_.steps == 0 ? agreed_progress_ : own_progress(); }
  double own_progress() const {
    return config_.steps > 0 ? static_cast<double>(trainer_->steps()) / static_cast<double>(config_.steps)
                             : seconds() / (60 * config_.minutes);
  }
  /// The end, in [0, 1], of the current of `parts` equal parts of the run. The small number is there because 15 / 22 *
  /// 22 in floating point is less than 15, and a part must not end twice.
  double next_of(int parts) const { return (std::floor(done() * parts + 1e-6) + 1) / parts; }
  bool out_of_patience() const {
    return options_.patience > 0 && evaluations_without_improvement_ >= options_.patience;
  }

  /// Completes the configuration and loads the pieces.
  void prepare() {
    config_ = options_.config;
    if (options_.resume) {
      std::string text;
      if (writes()) text = run_.read_config().to_json().dump();
      broadcast_text(ranks_, text);
      config_ = Config::from_json(parse_json(text));
      const Config& given = options_.config;
      if (given.steps > 0) config_.steps = given.steps, config_.minutes = 0;
      if (given.minutes > 0) config_.minutes = given.minutes, config_.steps = 0;
    } else {
      if (config_.data.empty()) throw std::runtime_error("no training data: give --data PATH... or --scores");
      if (config_.steps == 0 && config_.minutes == 0) config_.minutes = 2;
      config_.complete();
      if (writes()) create_folder(run_.folder());
      if (writes() && path_exists(run_.last()))
        throw std::runtime_error(run_.folder().string() + ": already holds a run; use --resume, or another folder");
    }
    require_same_configuration();
    config_.model.precision = options_.device.lstm_precision();
    LoadOptions loading = options_.loading;
    loading.progress = [this](std::size_t files, std::size_t all) {
      if (all >= 100)
        progress_.show(static_cast<double>(files) / static_cast<double>(all),
                       format("reading %zu of %zu files", files, all));
    };
    find_shards();
    Pieces loaded = load(config_.data, config_.pedal, loading);
    progress_.finish();
    for (const std::string& problem : loaded.problems) say("left out: " + problem);
    corpus_ = config_.validation.empty()
                  ? music::split_by_fraction(std::move(loaded.pieces), config_.validation_fraction, config_.seed)
                  : music::split_by_name(std::move(loaded.pieces), config_.validation);
    config_.validation.clear();  // stored by name, so that other commands find the same split
    for (const auto& piece : corpus_.valid) config_.validation.push_back(piece.name);
    if (ranks_.size() > 1) require_same(ranks_, hash_of(corpus_), "other data");
    const std::size_t tokens = music::count_tokens(corpus_.train);
    if (options_.choose && !options_.resume) {
      say(options_.choose(config_, shards_ ? tokens_of_shards(tokens) : tokens));
      config_.complete();
      require_same_configuration();
    }
    if (!writes()) return;
    facts_ = {{"tokens_train", tokens},
              {"tokens_valid", music::count_tokens(corpus_.valid)},
              {"baselines",
               to_json(ngram_baselines(corpus_.train, corpus_.valid, static_cast<int>(config_.model.vocabulary)))}};
    facts_["floors"] = facts_["baselines"];  // its former name
  }

  /// Opens the shards among the data, if there are some.
  void find_shards() {
    const auto count = std::ranges::count_if(config_.data, is_shard_folder);
    if (count == 0) return;
    if (count < std::ssize(config_.data))
      throw std::runtime_error("--data: shards and music files; add the files to the shards with piano tokenize");
    shards_.emplace(config_.data);
    say(format("shards: %zu pieces with %llu notes; a sample of them serves for validation, n-grams and samples",
               shards_->size(), static_cast<unsigned long long>(shards_->notes())));
  }

  void require_same_configuration() {
    require_same(ranks_, music::stable_hash(config_.to_json().dump()), "another configuration");
  }

  /// Of the whole set, from those of the pieces that are loaded.
  std::size_t tokens_of_shards(std::size_t tokens) const {
    double notes = 1;
    for (const music::Piece& piece : corpus_.train) notes += static_cast<double>(piece.performance.notes.size());
    return static_cast<std::size_t>(static_cast<double>(tokens) * static_cast<double>(shards_->notes()) / notes);
  }

  /// Of the names and tokens of all pieces.
  static std::uint64_t hash_of(const music::Corpus& corpus) {
    std::uint64_t hash = 0;
    for (const auto* pieces : {&corpus.train, &corpus.valid})
      for (const music::Piece& piece : *pieces) {
        hash = music::stable_hash(piece.name, hash);
        for (const music::Token token : tokens_of(piece)) hash = music::mix(hash ^ static_cast<std::uint64_t>(token));
      }
    return hash;
  }

  void step() {
    auto& exchange = trainer_->exchange();
    exchange.announce(InterruptGuard::requested(), own_progress());
    last_ = trainer_->step(done());
    if (exchange.exchanged()) {
      stop_ = exchange.totals().stop > 0;
      agreed_progress_ = exchange.totals().progress;
    }
    if (latest_line_) metrics_->write(*std::exchange(latest_line_, std::nullopt));
    step_totals_.add(last_);
    if (last_.tokens > 0) {
      recent_sum_ = kDecay * recent_sum_ + last_.nll;
      recent_weight_ = kDecay * recent_weight_ + 1;
    }
    show();
  }

  void describe(const std::string& device) {
    const json& baselines = facts_["baselines"];
    say(format("%zu pieces (%zu tokens) for training, %zu (%zu tokens) for validation", corpus_.train.size(),
               facts_["tokens_train"].get<std::size_t>(), corpus_.valid.size(),
               facts_["tokens_valid"].get<std::size_t>()));
    say(format("n-gram baselines, nats per token: uniform %.3f, unigram %.3f, bigram %.3f, trigram %.3f, fourgram %.3f",
               baselines["uniform"].get<double>(), baselines["unigram"].get<double>(),
               baselines["bigram"].get<double>(), baselines["trigram"].get<double>(),
               baselines["fourgram"].get<double>()));
    std::string conditions;
    for (const std::string& name : config_.conditions.names())
      conditions += (conditions.empty() ? ", conditioned on " : ", ") + name;
    say(format("%td x %td LSTM, embedding %td%s, %td parameters; %s on %s", config_.model.layers, config_.model.hidden,
               config_.model.embedding, conditions.c_str(), facts_["parameters"].get<rondo::Index>(),
               config_.steps > 0 ? format("%lld steps", static_cast<long long>(config_.steps)).c_str()
                                 : format("%g minutes", config_.minutes).c_str(),
               device.c_str()));
  }

  void show() {
    if (!writes()) return;
    const std::string valid = std::isfinite(valid_) ? format("  validation %.3f", valid_) : "";
    progress_.show(done(),
                   format("step %lld  loss %.3f%s  %.0f tokens/s  %s left", static_cast<long long>(trainer_->steps()),
                          recent_nll(), valid.c_str(), static_cast<double>(trainer_->tokens()) / seconds(),
                          minutes_text(seconds() * (1 / done() - 1)).c_str()));
  }

  /// A line of metrics: the totals of the steps since the last line.
  json line() {
    const StepTotals& l = step_totals_;
    json line = {{"step", trainer_->steps()},
                 {"seconds", seconds()},
                 {"tokens", trainer_->tokens()},
                 {"tokens_per_second", l.seconds > 0 ? json(static_cast<double>(l.tokens) / l.seconds) : json()},
                 {"train_nll", l.steps > 0 ? json(l.nats / l.steps) : json()},
                 {"valid_nll", nullptr},
                 {"learning_rate", last_.rate},
                 {"grad_norm", last_.grad_norm},
                 {"data_time_fraction", l.seconds > 0 ? json(l.data_seconds / l.seconds) : json()}};
    step_totals_ = {};
    return line;
  }

  void evaluate() {
    trainer_->agree();
    valid_ = trainer_->validate().per_token();
    evaluated_at_ = trainer_->steps();
    const bool best = valid_ < trainer_->best_valid_nll();
    evaluations_without_improvement_ = best ? 0 : evaluations_without_improvement_ + 1;
    if (best) trainer_->save_best(run_, valid_);
    trainer_->save(run_, seconds());
    if (!writes()) return;
    json record = latest_line_ ? *std::exchange(latest_line_, std::nullopt) : line();
    record["valid_nll"] = valid_;
    record["sample"] = write_checkpoint_sample(run_, config_, corpus_, trainer_->steps());
    metrics_->write(record);
    write_report(run_, config_, facts_, false);
    if (trainer_->steps() == 0)
      say(format("step 0  validation %.3f, the weights of %s", valid_, config_.from.c_str()));
    else
      say(format("step %lld  %s  train %.3f  validation %.3f%s", static_cast<long long>(trainer_->steps()),
                 minutes_text(seconds()).c_str(), recent_nll(), valid_, best ? "  best" : ""));
  }

  /// Stores how the best model adapts to music that it reads. It takes a few hundredths of the time of training.
  void tune() {
    const std::size_t tokens = std::min(kTuningTokens, trainer_->tokens() / 50);
    if (tokens < kFewestTuningTokens || corpus_.train.empty()) return;
    config_.adaptation = tune_adaptation(run_.read_model(config_), corpus_.train, config_.input_spec(), tokens);
    run_.write_config(config_);
  }

  json result(Device device, const char* stop_reason) {
    const auto curve = fit_curve(read_metrics(run_.metrics()));
    json result = examples::report_of(device, options_.device);
    if (!std::is_same_v<Device, rondo::Cpu>)
      result["cuda_graph_steps"] = trainer_->captured() ? trainer_->captured()->replays() : 0;
    result.update(facts_);
    result.update({{"steps", trainer_->steps()},
                   {"seconds", seconds()},
                   {"tokens_per_second", static_cast<double>(trainer_->tokens()) / seconds()},
                   {"train_nll", recent_nll()},
                   {"valid_nll", valid_},
                   {"best_valid_nll", trainer_->best_valid_nll()},
                   {"fit", name(fit_of(curve))},
                   {"fit_text", describe_fit(curve)},
                   {"stop_reason", stop_reason},
                   {"run_dir", options_.run_dir}});
    if (std::string(stop_reason) != "interrupt") rondo::replace_file(run_.result(), result.dump(2) + "\n");
    return result;
  }

  const TrainingOptions& options_;
  rondo::Communicator& ranks_;
  Progress& progress_;
  RunDir run_;
  Config config_;
  music::Corpus corpus_;
  std::optional<ShardSet> shards_;
  std::optional<Trainer<Device>> trainer_;
  std::optional<MetricsFile> metrics_;
  json facts_;
  std::chrono::steady_clock::time_point start_;
  double before_ = 0;           // seconds trained in earlier sessions
  double agreed_progress_ = 0;  // position in the run by the clock of rank 0, after the last exchange
  bool stop_ = false;           // whether any rank was told to end
  double valid_ = std::nan("");
  std::int64_t evaluated_at_ = -1;
  int evaluations_without_improvement_ = 0;  // in a row
  TrainingStep last_{};
  StepTotals step_totals_;
  std::optional<json> latest_line_;  // of metrics; not written until the next step, as an evaluation may be added to it
  double recent_sum_ = 0, recent_weight_ = 0;
};

}  // namespace

InterruptGuard::InterruptGuard()
    : former_interrupt_(std::signal(SIGINT, note_interrupt)), former_terminate_(std::signal(SIGTERM, note_interrupt)) {
  g_interrupted = 0;
}
InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, former_interrupt_);
  std::signal(SIGTERM, former_terminate_);
}
bool InterruptGuard::requested() { return g_interrupted != 0; }

json train(const TrainingOptions& options, rondo::Communicator& ranks, Progress& progress) {
  json result;
  examples::with_device(options.device, ranks, [&]<class Device>(Device device, rondo::Communicator& of_device) {
    Run<Device> run(options, of_device, progress);
    result = run(device);
  });
  return result;
}

}  // namespace piano

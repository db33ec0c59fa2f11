// SPDX-License-Identifier: MIT
#include "piano/commands/train.hpp"
#include "device.hpp"
#include "piano/data/corpus.hpp"
#include "piano/training/progress.hpp"
#include "piano/training/trainer.hpp"

#include <rondo/music/ngram.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

struct Options {
  Config config;
  examples::DeviceOptions device;
  std::string run_dir, pedal = "extend";
  std::vector<std::string> conditions;
  std::vector<int> transpose;
  int judgements = 10, threads = rondo::most_threads();
  bool scores = false, augment = true, resume = false, as_json = false;
};

volatile std::sig_atomic_t g_interrupted = 0;

/// A stop that was asked for by Ctrl-C is heeded after the step under way.
class InterruptGuard {
 public:
  InterruptGuard() : former_(std::signal(SIGINT, [](int) { g_interrupted = 1; })) { g_interrupted = 0; }
  ~InterruptGuard() { std::signal(SIGINT, former_); }
  bool asked() const { return g_interrupted != 0; }

 private:
  void (*former_)(int);
};

/// Appends a line of JSON; a disk that is full is said at once.
class MetricsFile {
 public:
  MetricsFile(const std::filesystem::path& path, bool append)
      : path_(path), out_(path, append ? std::ios::app : std::ios::trunc) {}
  void write(const json& line) {
    out_ << line.dump() << '\n' << std::flush;
    if (!out_) throw std::runtime_error(path_.string() + ": cannot be written");
  }

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

/// The n-gram floors of the split: what counting alone foretells, in nats per token.
json floors(const music::Corpus& corpus, int vocabulary) {
  const auto f = music::ngram_floors(corpus.train, corpus.valid, vocabulary);
  return {{"uniform", f.uniform},
          {"unigram", f.unigram},
          {"bigram", f.bigram},
          {"trigram", f.trigram},
          {"fourgram", f.fourgram}};
}

class Run {
 public:
  explicit Run(Options options) : options_(std::move(options)), run_(options_.run_dir) {}

  void operator()() {
    examples::with_device(options_.device, [&](auto device) { train(device); });
  }

 private:
  template <class Device>
  void train(Device device) {
    prepare();
    Trainer<Device> trainer(config_, corpus_);
    double before = 0;  // seconds trained in earlier sessions
    if (options_.resume) before = trainer.resume(run_);
    if (!options_.resume) run_.write_config(config_);
    MetricsFile metrics(run_.metrics(), options_.resume);
    const InterruptGuard interrupt;
    say(describe(rondo::parameter_count(trainer.model())) + " on " + examples::name_of(device));
    const auto start = std::chrono::steady_clock::now();
    const auto seconds = [&] {
      return before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const auto done = [&] {
      return config_.steps > 0 ? static_cast<double>(trainer.steps()) / static_cast<double>(config_.steps)
                               : seconds() / (60 * config_.minutes);
    };
    const auto judge = [&] {
      const double nll = trainer.validate().per_token();
      if (nll < trainer.best_valid()) trainer.save_best(run_, nll);
      trainer.save(run_, seconds());
      metrics.write({{"step", trainer.steps()},
                     {"seconds", seconds()},
                     {"tokens", trainer.tokens()},
                     {"train_nll", recent_nll()},
                     {"valid_nll", nll},
                     {"learning_rate", last_.rate},
                     {"grad_norm", last_.grad_norm}});
      progress_.line(format("step %lld  %s  train %.3f  validation %.3f%s", static_cast<long long>(trainer.steps()),
                            minutes_text(seconds()).c_str(), recent_nll(), nll,
                            nll <= trainer.best_valid() ? "  best" : ""));
      return nll;
    };

    double valid = std::nan("");
    std::int64_t judged_at = -1;
    double next_judgement = (std::floor(done() * options_.judgements) + 1) / options_.judgements;
    while (done() < 1 && !interrupt.asked()) {
      last_ = trainer.step(done());
      recent_sum_ = kForget * recent_sum_ + last_.nll;
      recent_weight_ = kForget * recent_weight_ + 1;
      const double rate = static_cast<double>(trainer.tokens()) / seconds();
      progress_.show(done(),
                     format("step %lld  loss %.3f  %.0f tokens/s  %s left", static_cast<long long>(trainer.steps()),
                            recent_nll(), rate, minutes_text(seconds() * (1 / done() - 1)).c_str()));
      if (done() >= next_judgement) {
        valid = judge();
        judged_at = trainer.steps();
        next_judgement += 1.0 / options_.judgements;
      }
    }
    if (judged_at != trainer.steps() && trainer.steps() > 0) valid = judge();
    progress_.finish();
    if (interrupt.asked()) say("stopped; go on with: piano train --resume --run-dir " + options_.run_dir);
    json result = examples::report_of(device, options_.device);
    result.update({{"tokens_train", tokens_train_},
                   {"tokens_valid", tokens_valid_},
                   {"floors", floors_},
                   {"steps", trainer.steps()},
                   {"seconds", seconds()},
                   {"tokens_per_second", static_cast<double>(trainer.tokens()) / seconds()},
                   {"train_nll", recent_nll()},
                   {"valid_nll", valid},
                   {"best_valid_nll", trainer.best_valid()},
                   {"run_dir", options_.run_dir}});
    report(result);
  }

  static constexpr double kForget = 0.99;  // the loss shown is a mean over about the last 100 steps

  template <class... Values>
  static std::string format(const char* pattern, Values... values) {
    char text[200];
    std::snprintf(text, sizeof text, pattern, values...);
    return text;
  }

  void say(const std::string& line) { progress_.line(line); }
  double recent_nll() const { return recent_weight_ > 0 ? recent_sum_ / recent_weight_ : 0; }

  /// Settles the configuration and loads the pieces.
  void prepare() {
    if (options_.resume) {
      const Config asked = options_.config;
      config_ = run_.read_config();
      if (asked.steps > 0) config_.steps = asked.steps, config_.minutes = 0;
      if (asked.minutes > 0) config_.minutes = asked.minutes, config_.steps = 0;
    } else {
      config_ = options_.config;
      config_.pedal = music::pedal_mode(options_.pedal);
      config_.conditions = music::Conditions::named(options_.conditions);
      config_.settle();
      if (options_.scores) config_.data.push_back(bundled_scores());
      if (config_.data.empty()) throw std::runtime_error("nothing to learn from: give --data PATH... or --scores");
      if (config_.steps == 0 && config_.minutes == 0) config_.minutes = 2;
      if (!options_.augment) config_.augmentation = music::Augmentation::none();
      if (options_.augment && options_.transpose.size() == 2) {
        config_.augmentation.lowest_transposition = options_.transpose[0];
        config_.augmentation.highest_transposition = options_.transpose[1];
      }
      std::filesystem::create_directories(run_.folder());
      if (std::filesystem::exists(run_.last()))
        throw std::runtime_error(run_.folder().string() +
                                 ": holds a run already; go on with --resume or name another folder");
    }
    config_.model.precision = options_.device.lstm_precision();
    Pieces loaded = load(config_.data, config_.pedal);
    for (const std::string& problem : loaded.problems) say("left out: " + problem);
    corpus_ = config_.validation.empty()
                  ? music::split_by_share(std::move(loaded.pieces), config_.validation_share, config_.seed)
                  : music::split_by_name(std::move(loaded.pieces), config_.validation);
    config_.validation.clear();  // from here on by name, so that other programs find the same split
    for (const auto& piece : corpus_.valid) config_.validation.push_back(piece.name);
    tokens_train_ = music::count_tokens(corpus_.train);
    tokens_valid_ = music::count_tokens(corpus_.valid);
    floors_ = floors(corpus_, static_cast<int>(config_.model.vocabulary));
  }

  std::string describe(rondo::Index parameters) const {
    return format(
               "%zu pieces (%zu tokens) to learn from, %zu (%zu tokens) to judge by\n"
               "counting alone foretells a token at: uniform %.3f, unigram %.3f, bigram %.3f, trigram %.3f nats\n",
               corpus_.train.size(), tokens_train_, corpus_.valid.size(), tokens_valid_,
               floors_["uniform"].get<double>(), floors_["unigram"].get<double>(), floors_["bigram"].get<double>(),
               floors_["trigram"].get<double>()) +
           format("%td x %td LSTM, embedding %td, %td parameters; %s", config_.model.layers, config_.model.hidden,
                  config_.model.embedding, parameters,
                  config_.steps > 0 ? format("%lld steps", static_cast<long long>(config_.steps)).c_str()
                                    : format("%g minutes", config_.minutes).c_str());
  }

  void report(const json& result) const {
    if (options_.as_json)
      std::cout << result.dump() << std::endl;
    else
      std::printf("trained %lld steps in %s; best validation %.3f nats per token; model in %s\n",
                  result["steps"].get<long long>(), minutes_text(result["seconds"].get<double>()).c_str(),
                  result["best_valid_nll"].get<double>(), run_.model().c_str());
  }

  Options options_;
  RunDir run_;
  Config config_;
  music::Corpus corpus_;
  std::size_t tokens_train_ = 0, tokens_valid_ = 0;
  json floors_;
  Progress progress_;
  TrainingStep last_{};
  double recent_sum_ = 0, recent_weight_ = 0;
};

}  // namespace

void add_train(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  o.config.model.dropout = 0.1;
  CLI::App& app = *piano.add_subcommand("train", "Learn from performances; write a run's folder.");
  app.option_defaults()->always_capture_default();
  app.add_option("--data", o.config.data, "MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", o.scores, "learn from the bundled pieces (beside --data, if that is given too)");
  app.add_option("--run-dir", o.run_dir,
                 "folder to write: config.json, model.safetensors, last.safetensors, metrics.jsonl")
      ->required();
  app.add_option("--validation", o.config.validation, "names of the pieces to judge by; without it --validation-share");
  app.add_option("--validation-share", o.config.validation_share, "share of the pieces to judge by, drawn with --seed")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--layers", o.config.model.layers, "LSTM layers")->check(CLI::Range(1, 64));
  app.add_option("--hidden", o.config.model.hidden, "LSTM units a layer")->check(CLI::Range(1, 1 << 16));
  app.add_option("--embedding", o.config.model.embedding, "features of a token's embedding")
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--dropout", o.config.model.dropout, "probability of dropping between layers and before the output")
      ->check(CLI::Range(0.0, 0.99));
  auto* steps = app.add_option("--steps", o.config.steps, "batches to train on")->check(CLI::PositiveNumber);
  app.add_option("--minutes", o.config.minutes, "minutes to train, if --steps is not given (2 if neither is)")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  app.add_option("--batch-size", o.config.batch_size, "streams side by side")->check(CLI::Range(1, 1 << 16));
  app.add_option("--sequence-length", o.config.sequence_length, "tokens that backpropagation goes back through")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--windows", o.config.windows,
                 "sequence lengths that a stream reads on before it jumps elsewhere; 0: to the end of its piece")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--learning-rate", o.config.learning_rate, "Adam's peak learning rate, decayed by a cosine")
      ->check(CLI::PositiveNumber);
  app.add_option("--warmup", o.config.warmup, "share of the run in which the learning rate rises")
      ->check(CLI::Range(0.0, 0.99));
  app.add_option("--beta2", o.config.beta2, "Adam's decay of squared gradients")->check(CLI::Range(0.0, 0.99999));
  app.add_option("--weight-decay", o.config.weight_decay, "decoupled weight decay")->check(CLI::NonNegativeNumber);
  app.add_option("--clip", o.config.clip, "largest norm of the gradient")->check(CLI::PositiveNumber);
  app.add_flag("--augment,!--no-augment", o.augment, "train on transposed and stretched variants too");
  app.add_option("--transpose", o.transpose, "lowest and highest transposition of the variants, semitones (-3 3)")
      ->expected(2)
      ->check(CLI::Range(-12, 12));
  app.add_option("--pedal", o.pedal, "the sustain pedal: extend notes by it, make it tokens, or ignore it")
      ->check(CLI::IsMember({"extend", "tokens", "ignore"}));
  app.add_option("--condition", o.conditions,
                 "tell the model beside the notes: notes-per-second and key, which sample can then set, and sounding")
      ->delimiter(',')
      ->check(CLI::IsMember({"notes-per-second", "key", "sounding"}));
  app.add_option("--judgements", o.judgements, "how often to judge on validation and to save")
      ->check(CLI::Range(1, 1000));
  app.add_option("--threads", o.threads, "CPU threads (default: one a core); results are the same for any number")
      ->check(CLI::Range(1, 1024));
  examples::add_device_options(app, o.device);
  app.add_option("--seed", o.config.seed, "seed of everything random");
  app.add_flag("--resume", o.resume,
               "go on with the run in --run-dir; --steps or --minutes, counted from its beginning, may be new");
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  app.callback([options] {
    rondo::set_threads(options->threads);
    Run run(*options);
    run();
  });
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/commands/train.hpp"
#include "piano/run/configurations.hpp"
#include "piano/run/corpus.hpp"
#include "piano/training/run.hpp"

#include <rondo/cpu/threads.hpp>

#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

namespace piano {
namespace {

namespace music = rondo::music;

struct Options {
  TrainingOptions training;
  std::string config, pedal = "extend";
  std::vector<std::string> conditions;
  std::vector<int> transpose;
  int threads = rondo::max_threads();
  bool scores = false, augment = true, as_json = false;
};

/// Options that a configuration has values for: one that is not on the command line is taken from it.
class Settings {
 public:
  Settings(CLI::App& app, Config& config) : app_(app), config_(config) {}

  /// `of` gives the value's place in a Config.
  template <class Of>
  CLI::Option* add(const char* name, Of of, const char* help) {
    CLI::Option* option = app_.add_option(name, of(config_), help);
    all_.emplace_back(option, [of](Config& to, Config from) { of(to) = of(from); });
    return option;
  }

  void take_others_from(const Config& configuration) {
    for (const auto& [option, take] : all_)
      if (option->count() == 0) take(config_, configuration);
  }

 private:
  CLI::App& app_;
  Config& config_;
  std::vector<std::pair<CLI::Option*, std::function<void(Config&, Config)>>> all_;
};

void run(Options& o) {
  Config& config = o.training.config;
  config.pedal = music::pedal_mode(o.pedal);
  if (!o.conditions.empty()) config.conditions = music::Conditions::named(o.conditions);
  if (o.scores) config.data.push_back(bundled_scores());
  if (!o.augment) config.augmentation = music::Augmentation::none();
  if (o.augment && o.transpose.size() == 2) {
    config.augmentation.lowest_transposition = o.transpose[0];
    config.augmentation.highest_transposition = o.transpose[1];
  }
  rondo::set_num_threads(o.threads);
  Progress progress;
  const auto result = train(o.training, progress);
  if (o.as_json) {
    std::cout << result.dump() << std::endl;
    return;
  }
  const RunDir folder(o.training.run_dir);
  std::printf("trained %lld steps in %s; best validation %.3f nats per token; model in %s\n%s  to see and hear it\n",
              result["steps"].get<long long>(), minutes_text(result["seconds"].get<double>()).c_str(),
              result["best_valid_nll"].get<double>(), folder.model().c_str(), folder.report().c_str());
}

}  // namespace

void add_train(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  TrainingOptions& t = o.training;
  Config& config = t.config;
  config = configuration("default");
  CLI::App& app = *piano.add_subcommand("train", "Learn from performances; write a run's folder.");
  app.option_defaults()->always_capture_default();
  auto settings = std::make_shared<Settings>(app, config);

  app.add_option("--data", config.data, "MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", o.scores, "learn from the bundled pieces (beside --data, if that is given too)");
  app.add_option("--run-dir", t.run_dir, "folder to write: config.json, the weights, metrics.jsonl, report.html")
      ->required();
  app.add_option("--validation", config.validation,
                 "names of the pieces to judge by; without it --validation-fraction");
  app.add_option("--validation-fraction", config.validation_fraction,
                 "share of the pieces to judge by, drawn with --seed")
      ->check(CLI::Range(0.0, 1.0));

  std::string about = "settings that go together, of which each can be given by itself:";
  for (const Configuration& c : configurations()) about += "\n" + c.name + ": " + c.about;
  auto* name = app.add_option("--config", o.config, about)->check(CLI::IsMember(configuration_names()));
  settings
      ->add(
          "--layers", [](Config & c) -> auto& { return c.model.layers; }, "LSTM layers")
      ->check(CLI::Range(1, 64));
  settings
      ->add(
          "--hidden", [](Config & c) -> auto& { return c.model.hidden; }, "LSTM units a layer")
      ->check(CLI::Range(1, 1 << 16));
  settings
      ->add(
          "--embedding", [](Config & c) -> auto& { return c.model.embedding; }, "features of a token's embedding")
      ->check(CLI::Range(1, 1 << 16));
  settings
      ->add(
          "--dropout", [](Config & c) -> auto& { return c.model.dropout; },
          "probability of dropping between layers and before the output")
      ->check(CLI::Range(0.0, 0.99));
  auto* steps = app.add_option("--steps", config.steps, "batches to train on")->check(CLI::PositiveNumber);
  app.add_option("--minutes", config.minutes, "minutes to train, if --steps is not given (2 if neither is)")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  settings
      ->add(
          "--batch-size", [](Config & c) -> auto& { return c.batch_size; }, "streams side by side")
      ->check(CLI::Range(1, 1 << 16));
  settings
      ->add(
          "--sequence-length", [](Config & c) -> auto& { return c.sequence_length; },
          "tokens that gradients go back through")
      ->check(CLI::Range(1, 1 << 16));
  settings
      ->add(
          "--windows", [](Config & c) -> auto& { return c.windows; },
          "sequence lengths that a stream reads on before it jumps; 0: to the end of its piece")
      ->check(CLI::Range(0, 1 << 20));
  settings
      ->add(
          "--learning-rate", [](Config & c) -> auto& { return c.learning_rate; }, "Adam's peak learning rate")
      ->check(CLI::PositiveNumber);
  settings
      ->add(
          "--warmup", [](Config & c) -> auto& { return c.warmup; },
          "share of the run in which the learning rate rises to its peak")
      ->check(CLI::Range(0.0, 1.0));
  settings
      ->add(
          "--beta2", [](Config & c) -> auto& { return c.beta2; }, "Adam's decay of squared gradients")
      ->check(CLI::Range(0.0, 0.99999));
  settings
      ->add(
          "--weight-decay", [](Config & c) -> auto& { return c.weight_decay; }, "decoupled weight decay")
      ->check(CLI::NonNegativeNumber);
  settings
      ->add(
          "--clip", [](Config & c) -> auto& { return c.clip; }, "largest norm of the gradient")
      ->check(CLI::PositiveNumber);
  app.add_flag("--augment,!--no-augment", o.augment, "train on transposed and stretched variants too");
  app.add_option("--transpose", o.transpose, "lowest and highest transposition of the variants, semitones (-3 3)")
      ->expected(2)
      ->check(CLI::Range(-12, 12));
  app.add_option("--pedal", o.pedal, "the sustain pedal: extend notes by it, make it tokens, or ignore it")
      ->check(CLI::IsMember({"extend", "tokens", "ignore"}));
  app.add_option(
         "--condition", o.conditions,
         "tell the model beside the notes: notes-per-second and key, which `sample` can then set; sounding, the "
         "keys that are down (default: what --config says)")
      ->delimiter(',')
      ->check(CLI::IsMember({"notes-per-second", "key", "sounding"}));
  app.add_option("--evaluations", t.evaluations, "how often to judge on validation, to save and to play a sample")
      ->check(CLI::Range(1, 1000));
  app.add_option("--patience", t.patience,
                 "end early after that many evaluations in a row that are no better than the best; 0: never")
      ->check(CLI::Range(0, 1000));
  app.add_option("--threads", o.threads, "CPU threads (default: one a core); results are the same for any number")
      ->check(CLI::Range(1, 1024));
  add_load_options(app, t.loading);
  examples::add_device_options(app, t.device);
  app.add_option("--seed", config.seed, "seed of everything random");
  app.add_flag("--resume", t.resume,
               "go on with the run in --run-dir; --steps or --minutes, counted from its beginning, may be new");
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  app.callback([options, settings, name] {
    if (name->count() > 0) {
      const Config& named = configuration(options->config);
      settings->take_others_from(named);
      options->training.config.conditions = named.conditions;
    }
    run(*options);
  });
}

}  // namespace piano

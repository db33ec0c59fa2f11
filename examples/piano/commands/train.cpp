// SPDX-License-Identifier: MIT
#include "piano/commands/train.hpp"
#include "piano/commands/shared_options.hpp"
#include "piano/run/configurations.hpp"
#include "piano/run/corpus.hpp"
#include "piano/training/run.hpp"
#include "ranks.hpp"

#include <rondo/cpu/threads.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

namespace piano {
namespace {

namespace music = rondo::music;

struct TrainOptions {
  TrainingOptions training;
  std::string config, from, pedal = "extend";
  std::vector<std::string> conditions;
  std::vector<int> transpose;
  int threads = rondo::max_threads();
  std::string gradient_precision = "fp32";
  examples::RankOptions ranks;
  bool threads_given = false, scores = false, augment = true, own_augmentation = false, as_json = false;
};

/// The conditions of --condition; "none" stands alone.
music::Conditions conditions_named(const std::vector<std::string>& names) {
  if (names == std::vector<std::string>{"none"}) return {};
  if (std::ranges::count(names, "none") > 0)
    throw CLI::ValidationError("--condition", "none cannot be combined with other conditions");
  return music::Conditions::named(names);
}

/// Whether the command line chooses the transpositions, and not a preset or the source of fine-tuning.
bool gives_augmentation(const CLI::App& app) {
  return app.get_option("--augment")->count() > 0 || app.get_option("--transpose")->count() > 0;
}

void set_transpositions(Config& config, const Config& from) {
  config.augmentation.lowest_transposition = from.augmentation.lowest_transposition;
  config.augmentation.highest_transposition = from.augmentation.highest_transposition;
}

/// Options that --config has values for. A value on the command line takes precedence.
class Settings {
 public:
  Settings(CLI::App& app, Config& config) : app_(app), config_(config) {}

  /// `of` returns a reference to the value in a Config.
  template <class Of>
  CLI::Option* add(const char* name, Of of, const char* help) {
    CLI::Option* option = app_.add_option(name, of(config_), help);
    add_to_all(option, of);
    return option;
  }

  /// A flag with its negation, --no-NAME. `name` without dashes.
  template <class Of>
  void add_flag(const std::string& name, Of of, const char* help) {
    add_to_all(app_.add_flag("--" + name + ",!--no-" + name, of(config_), help), of);
  }

  void set_others_from(const Config& configuration) const { set_others(config_, configuration); }
  void set_others(Config& to, const Config& configuration) const {
    for (const auto& [option, set] : all_)
      if (option->count() == 0) set(to, configuration);
  }

 private:
  template <class Of>
  void add_to_all(CLI::Option* option, Of of) {
    all_.emplace_back(option, [of](Config& to, Config from) { of(to) = of(from); });
  }

  CLI::App& app_;
  Config& config_;
  std::vector<std::pair<CLI::Option*, std::function<void(Config&, Config)>>> all_;
};

/// What fine-tuning multiplies the learning rate of the source by. See docs/07-train-and-sample.md.
constexpr double kFineTuningRate = 0.5;

/// Takes everything from the source's config that the command line does not set. The network and its inputs must be
/// those of the source: throws CLI::ValidationError for an option that contradicts them.
void start_from(const std::string& folder, CLI::App& app, const Settings& settings, TrainOptions& o) {
  const Config source = RunDir(folder).read_config();
  const auto refuse = [&](const char* option, const std::string& given, const std::string& has) {
    if (app.get_option(option)->count() > 0 && given != has)
      throw CLI::ValidationError(option, given + " contradicts " + has + " of --from " + folder);
  };
  Config& config = o.training.config;
  const auto list = [](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
    return text.empty() ? std::string("none") : text;
  };
  refuse("--layers", std::to_string(config.model.layers), std::to_string(source.model.layers));
  refuse("--hidden", std::to_string(config.model.hidden), std::to_string(source.model.hidden));
  refuse("--embedding", std::to_string(config.model.embedding), std::to_string(source.model.embedding));
  refuse("--pedal", o.pedal, music::name(source.pedal));
  refuse("--condition", list(conditions_named(o.conditions).names()), list(source.conditions.names()));
  settings.set_others_from(source);
  if (app.get_option("--learning-rate")->count() == 0) config.learning_rate = kFineTuningRate * source.learning_rate;
  o.pedal = music::name(source.pedal);
  o.conditions.clear();
  config.conditions = source.conditions;
  set_transpositions(config, source);
  if (app.get_option("--augment")->count() > 0 && app.get_option("--stretches")->count() == 0)
    config.augmentation.stretches = music::Augmentation{}.stretches;  // the source may have none
  config.from = folder;
}

/// Sets what the command line does not set, by the data and the time at hand. Returns a line that says so.
std::string choose(Config& config, std::size_t tokens, const CLI::App& app, const Settings& settings,
                   const TrainOptions& o) {
  const auto [chosen, passes] = choose_configuration({.tokens = tokens,
                                                      .steps = config.steps,
                                                      .minutes = config.minutes,
                                                      .threads = o.threads,
                                                      .tokens_per_batch = config.batch_size * config.sequence_length});
  settings.set_others(config, chosen);
  if (o.conditions.empty()) config.conditions = chosen.conditions;
  if (!gives_augmentation(app)) set_transpositions(config, chosen);
  if (!o.augment) config.augmentation = music::Augmentation::none();
  const auto& variants = config.augmentation;
  char line[320];
  std::snprintf(
      line, sizeof line,
      "chosen for %zu tokens, read about %.2g times: %td x %td, dropout %g, weight dropout %g, weight decay %g, "
      "transpositions %d to %d, velocities +-%d, tempi +-%.0f %%; options and --config override this",
      tokens, passes, config.model.layers, config.model.hidden, config.model.dropout, config.model.weight_dropout,
      config.weight_decay, variants.lowest_transposition, variants.highest_transposition, variants.velocity_shift,
      100 * (std::ranges::max(variants.stretches) - 1));
  return line;
}

void run(TrainOptions& o) {
  Config& config = o.training.config;
  config.pedal = music::pedal_mode(o.pedal);
  if (!o.conditions.empty()) config.conditions = conditions_named(o.conditions);
  if (o.scores) config.data.push_back(bundled_scores());
  if (o.own_augmentation) set_transpositions(config, {});
  if (!o.augment) config.augmentation = music::Augmentation::none();
  if (o.augment && o.transpose.size() == 2) {
    config.augmentation.lowest_transposition = o.transpose[0];
    config.augmentation.highest_transposition = o.transpose[1];
  }
  config.distribution.precision = rondo::precision_named(o.gradient_precision).value();
  o.ranks.stop = InterruptGuard::requested;
  nlohmann::json result;
  examples::with_ranks(o.ranks, [&](rondo::Communicator& ranks) {
    const int own_threads = examples::threads_per_rank(ranks, o.threads);
    rondo::set_num_threads(o.threads_given ? o.threads : own_threads);
    Progress progress(ranks.rank() > 0);
    result = train(o.training, ranks, progress);
  });
  if (result.is_null()) return;  // another rank has it
  if (o.as_json) {
    std::cout << result.dump() << std::endl;
    return;
  }
  const RunDir folder(o.training.run_dir);
  std::printf("trained %lld steps in %s; best validation %.3f nats per token; model: %s\nreport with samples: %s\n%s\n",
              result["steps"].get<long long>(), minutes_text(result["seconds"].get<double>()).c_str(),
              result["best_valid_nll"].get<double>(), folder.model().c_str(), folder.report().c_str(),
              result["fit_text"].get_ref<const std::string&>().c_str());
}

}  // namespace

void add_train(CLI::App& piano) {
  using examples::integer_in, examples::real_in, examples::renamed;
  auto options = std::make_shared<TrainOptions>();
  TrainOptions& o = *options;
  TrainingOptions& t = o.training;
  Config& config = t.config;
  config = configuration("default");
  CLI::App& app = *piano.add_subcommand("train", "Train a model on MIDI files and scores; write a run folder.");
  app.option_defaults()->always_capture_default();
  auto settings = std::make_shared<Settings>(app, config);

  app.add_option("--data", config.data, "MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", o.scores, "train on the bundled pieces, in addition to --data");
  app.add_option("--run-dir", t.run_dir, "folder to write: config.json, the weights, metrics.jsonl, report.html")
      ->required();
  app.add_option("--validation", config.validation,
                 "names of the validation pieces (default: --validation-fraction of all pieces)");
  app.add_option("--validation-fraction", config.validation_fraction,
                 "fraction of the pieces for validation, drawn with --seed")
      ->check(real_in("[0, 1]"));

  std::string presets =
      "preset of the options below; an option on the command line overrides it (default: chosen by the number of "
      "tokens and the length of the run):";
  for (const Configuration& c : configurations()) presets += "\n" + c.name + ": " + c.about;
  auto* name = app.add_option("--config", o.config, presets)->check(CLI::IsMember(configuration_names()));
  settings
      ->add(
          "--layers", [](Config & c) -> auto& { return c.model.layers; }, "LSTM layers")
      ->check(integer_in("[1, 64]"));
  settings
      ->add(
          "--hidden", [](Config & c) -> auto& { return c.model.hidden; }, "LSTM units per layer")
      ->check(integer_in("[1, 65536]"));
  settings
      ->add(
          "--embedding", [](Config & c) -> auto& { return c.model.embedding; }, "features of the token embedding")
      ->check(integer_in("[1, 65536]"));
  settings
      ->add(
          "--dropout", [](Config & c) -> auto& { return c.model.dropout; },
          "dropout probability between layers and before the output layer")
      ->check(real_in("[0, 1)"));
  settings
      ->add(
          "--weight-dropout", [](Config & c) -> auto& { return c.model.weight_dropout; },
          "probability that a recurrent weight is zero, drawn for each batch (DropConnect)")
      ->check(real_in("[0, 1)"));
  auto* steps = app.add_option("--steps", config.steps, "batches to train on")->check(integer_in("[1, inf)"));
  app.add_option("--minutes", config.minutes, "minutes to train, instead of --steps (default: 2)")
      ->check(real_in("(0, inf)"))
      ->excludes(steps);
  settings
      ->add(
          "--batch-size", [](Config & c) -> auto& { return c.batch_size; }, "sequences per batch")
      ->check(integer_in("[1, 65536]"));
  settings
      ->add(
          "--sequence-length", [](Config & c) -> auto& { return c.sequence_length; },
          "length of truncated backpropagation through time, in tokens")
      ->check(integer_in("[1, 65536]"));
  settings
      ->add(
          "--windows", [](Config & c) -> auto& { return c.windows; },
          "number of consecutive sequences over which the state is carried; 0: whole pieces")
      ->check(integer_in("[0, 1048576]"));
  settings
      ->add(
          "--learning-rate", [](Config & c) -> auto& { return c.learning_rate; },
          "peak learning rate of Adam, with cosine decay")
      ->check(real_in("(0, inf)"));
  settings
      ->add(
          "--warmup", [](Config & c) -> auto& { return c.warmup; },
          "warmup of the learning rate, as a fraction of the run")
      ->check(real_in("[0, 1]"));
  settings
      ->add(
          "--beta2", [](Config & c) -> auto& { return c.beta2; }, "Adam's decay rate of squared gradients")
      ->check(real_in("[0, 1)"));
  settings
      ->add(
          "--weight-decay", [](Config & c) -> auto& { return c.weight_decay; }, "decoupled weight decay")
      ->check(real_in("[0, inf)"));
  settings->add_flag(
      "grammar", [](Config & c) -> auto& { return c.grammar; },
      "predict only tokens that can follow in any music, by their grammar: in training, evaluation and sampling");
  settings->add_flag(
      "token-features", [](Config & c) -> auto& { return c.token_features; },
      "train the vector of each token as a sum in which related tokens share parts: pitch class, register, duration");
  settings
      ->add(
          "--clip", [](Config & c) -> auto& { return c.clip; },
          "largest norm of the gradient; a larger one is scaled down to it")
      ->check(real_in("(0, inf)"));
  app.add_flag("--augment,!--no-augment", o.augment,
               "train on variants, too: transposed, slower or faster, softer or louder");
  app.add_option("--transpose", o.transpose,
                 "lowest and highest transposition of the variants, in semitones (default: that of --config)")
      ->expected(2)
      ->check(integer_in("[-12, 12]"));
  settings
      ->add(
          "--velocity-shift", [](Config & c) -> auto& { return c.augmentation.velocity_shift; },
          "variants are up to so many bins softer or louder; a bin has four MIDI velocities")
      ->check(integer_in("[0, 31]"));
  settings
      ->add(
          "--stretches", [](Config & c) -> auto& { return c.augmentation.stretches; },
          "factors on all times, of which each variant has one")
      ->delimiter(',')
      ->check(real_in("(0, inf)"));
  add_pedal_option(app, o.pedal);
  app.add_option(
         "--condition", o.conditions,
         "additional inputs of the model: notes-per-second and key, which `sample` can set; active-notes, the keys "
         "that are down and the pedal; none (default: those of --config)")
      ->delimiter(',')
      ->check(examples::renamed_value("sounding", "active-notes"))
      ->check(CLI::IsMember({"notes-per-second", "key", "active-notes", "none"}));
  app.add_option("--evaluations", t.evaluations,
                 "number of validation runs; each saves a checkpoint and a sample (temperature 1, seed 1)")
      ->check(integer_in("[1, 1000]"));
  app.add_option("--patience", t.patience, "early stopping after that many evaluations without improvement; 0: never")
      ->check(integer_in("[0, 1000]"));
  examples::add_threads_option(app, o.threads);
  add_load_options(app, t.loading);
  examples::add_device_options(app, t.device);
  app.add_flag("--cuda-graph,!--no-cuda-graph", t.cuda_graph,
               "with --device cuda: launch each training step as one CUDA graph");
  auto& distribution = config.distribution;
  app.add_option("--accumulate", distribution.accumulate,
                 "batches whose gradients are added up for each step of the optimiser")
      ->check(integer_in("[1, 65536]"));
  app.add_option("--gradient-precision", o.gradient_precision,
                 "number format of gradients between processes (mpirun -np N piano train ...); bf16 halves their bytes")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--local-steps", distribution.local_steps,
                 "with several processes: steps that each makes on its own before their weights are averaged; 0: "
                 "gradients are averaged in each step")
      ->check(integer_in("[0, 1048576]"));
  app.add_option("--outer-learning-rate", distribution.outer_learning_rate,
                 "with --local-steps: learning rate of the averages")
      ->check(real_in("(0, inf)"));
  app.add_option("--outer-momentum", distribution.outer_momentum,
                 "with --local-steps: Nesterov momentum of the averages (DiLoCo: 0.9, with learning rate 0.7)")
      ->check(real_in("[0, 1)"));
  app.add_option("--rank-timeout", o.ranks.timeout, "seconds after which a process that does not answer is given up")
      ->check(real_in("(0, inf)"));
  app.add_option("--seed", config.seed, "random seed");
  auto* resume = app.add_flag(
      "--resume", t.resume,
      "resume the run in --run-dir; --steps or --minutes, counted from the beginning of the run, can be changed");
  app.add_option(
         "--from", o.from,
         "folder of a trained run: fine-tune its model. Network, pedal and conditions are those of that run, and "
         "so are the settings that are not given, except for half its learning rate")
      ->excludes(resume)
      ->excludes(name);
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  renamed(app, "--judgements", "--evaluations");
  renamed(app, "--validation-share", "--validation-fraction");
  app.callback([options, settings, name, &app] {
    options->threads_given = app.get_option("--threads")->count() > 0;
    options->own_augmentation = gives_augmentation(app);
    if (!options->from.empty()) start_from(options->from, app, *settings, *options);
    if (name->count() > 0) {
      const Config& named = configuration(options->config);
      settings->set_others_from(named);
      options->training.config.conditions = named.conditions;
      set_transpositions(options->training.config, named);
    } else if (options->from.empty()) {
      options->training.choose = [options, settings, &app](Config& to, std::size_t tokens) {
        return choose(to, tokens, app, *settings, *options);
      };
    }
    run(*options);
  });
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/commands/explore.hpp"
#include "piano/commands/sampling_options.hpp"
#include "piano/exploration/exploration.hpp"
#include "piano/run/configurations.hpp"
#include "piano/run/corpus.hpp"

#include <rondo/cpu/threads.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace piano {
namespace {

struct Options {
  ExplorationOptions exploration;
  std::string pedal = "extend";
  int threads = rondo::max_threads();
  bool scores = false, as_json = false;
};

void run(Options& options) {
  ExplorationOptions& o = options.exploration;
  Config& config = o.training.config;
  if (o.configs.empty() && o.run_dirs.empty())
    throw std::runtime_error("nothing to explore: give --configs NAME... to train, or --run-dirs DIR... to load");
  config.pedal = rondo::music::pedal_mode(options.pedal);
  if (options.scores) config.data.push_back(bundled_scores());
  if (!o.configs.empty() && config.data.empty())
    throw std::runtime_error("--configs wants something to learn from: --data PATH... or --scores");
  rondo::set_num_threads(options.threads);
  Exploration exploration(o);
  const bool done = exploration.run();
  if (options.as_json)
    std::cout << exploration.result().dump() << std::endl;
  else if (done)
    std::printf("%s  to listen through\n", (std::filesystem::path(o.output_dir) / "explore.html").c_str());
  if (!done) std::fprintf(stderr, "stopped; the same command goes on from here\n");
}

}  // namespace

void add_explore(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  ExplorationOptions& o = options->exploration;
  Config& config = o.training.config;
  CLI::App& app = *piano.add_subcommand(
      "explore", "Train or load several models, sample each in several ways, and put it all on one page.");
  app.option_defaults()->always_capture_default();
  app.add_option("--output-dir", o.output_dir,
                 "folder to write: explore.html, outputs/*.mid, a run for each configuration")
      ->required();
  app.add_option("--configs", o.configs, "configurations to train, by name")
      ->delimiter(',')
      ->check(CLI::IsMember(configuration_names()));
  app.add_option("--run-dirs", o.run_dirs, "folders of training runs to load")->check(CLI::ExistingDirectory);
  app.add_option("--data", config.data, "what to train on: MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", options->scores, "train on the bundled pieces (beside --data, if that is given too)");
  app.add_option("--validation", config.validation,
                 "names of the pieces to judge by (default: a tenth, by --train-seed)");
  app.add_option("--pedal", options->pedal, "the sustain pedal: extend notes by it, make it tokens, or ignore it")
      ->check(CLI::IsMember({"extend", "tokens", "ignore"}));
  auto* steps = app.add_option("--steps", config.steps, "batches to train each on")->check(CLI::PositiveNumber);
  app.add_option("--minutes", config.minutes, "minutes to train each, if --steps is not given (2 if neither is)")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  app.add_option("--train-seed", config.seed, "seed of the training");
  app.add_option("--threads", options->threads,
                 "CPU threads (default: one a core); results are the same for any number")
      ->check(CLI::Range(1, 1024));
  app.add_option("--primers", o.primers, "MIDI files or ABC scores to begin with (default: two validation pieces)")
      ->check(CLI::ExistingFile);
  app.add_option("--primer-seconds", o.primer_seconds, "how much of each, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--seconds", o.seconds, "length of the new music, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--temperatures", o.temperatures, "temperatures to sample at")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seeds", o.seeds, "seeds to sample with")->delimiter(',');
  add_filter_options(app, o.sampling);
  add_load_options(app, o.training.loading);
  examples::add_device_options(app, o.training.device);
  app.add_flag("--json", options->as_json, "print one JSON object on stdout");
  app.callback([options] { run(*options); });
}

}  // namespace piano

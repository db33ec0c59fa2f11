// SPDX-License-Identifier: MIT
#include "piano/commands/explore.hpp"
#include "piano/audio/wav.hpp"
#include "piano/commands/shared_options.hpp"
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

struct ExploreOptions {
  ExplorationOptions exploration;
  std::string pedal = "extend";
  AudioOptions audio;
  int threads = rondo::max_threads();
  bool scores = false, as_json = false;
};

void run(ExploreOptions& options) {
  ExplorationOptions& o = options.exploration;
  Config& config = o.training.config;
  if (o.configs.empty() && o.run_dirs.empty())
    throw std::runtime_error("no models: give --configs NAME... to train, or --run-dirs DIR... to load");
  config.pedal = rondo::music::pedal_mode(options.pedal);
  if (options.scores) config.data.push_back(bundled_scores());
  if (!o.configs.empty() && config.data.empty())
    throw std::runtime_error("--configs needs training data: --data PATH... or --scores");
  if (options.audio.wav) o.soundfont = find_soundfont(options.audio.soundfont).string();
  rondo::set_num_threads(options.threads);
  Exploration exploration(o);
  const bool done = exploration.run();
  if (options.as_json)
    std::cout << exploration.result().dump() << std::endl;
  else if (done)
    std::printf("page with a player: %s\n", (std::filesystem::path(o.output_dir) / "explore.html").c_str());
  if (!done) std::fprintf(stderr, "stopped; the same command resumes the exploration\n");
}

}  // namespace

void add_explore(CLI::App& piano) {
  using examples::integer_in, examples::real_in, examples::renamed;
  auto options = std::make_shared<ExploreOptions>();
  ExplorationOptions& o = options->exploration;
  Config& config = o.training.config;
  CLI::App& app =
      *piano.add_subcommand("explore",
                            "Train or load several models, sample each with several primers, temperatures and seeds, "
                            "and write one page with all outputs.");
  app.option_defaults()->always_capture_default();
  app.add_option("--output-dir", o.output_dir,
                 "folder to write: explore.html, outputs/*.mid, and a run folder for each configuration")
      ->required();
  app.add_option("--configs", o.configs, "configurations to train, by name")
      ->delimiter(',')
      ->check(CLI::IsMember(configuration_names()));
  app.add_option("--run-dirs", o.run_dirs, "folders of training runs to load")->check(CLI::ExistingDirectory);
  app.add_option("--data", config.data, "training data: MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", options->scores, "train on the bundled pieces, in addition to --data");
  app.add_option("--validation", config.validation,
                 "names of the validation pieces (default: --validation-fraction of all pieces)");
  app.add_option("--validation-fraction", config.validation_fraction,
                 "fraction of the pieces for validation, drawn with --train-seed")
      ->check(real_in("[0, 1]"));
  add_pedal_option(app, options->pedal);
  auto* steps =
      app.add_option("--steps", config.steps, "batches to train each configuration on")->check(integer_in("[1, inf)"));
  app.add_option("--minutes", config.minutes, "minutes to train each configuration, instead of --steps (default: 2)")
      ->check(real_in("(0, inf)"))
      ->excludes(steps);
  app.add_option("--train-seed", config.seed, "seed of the training");
  app.add_option("--primers", o.primers, "primers: MIDI files or ABC scores (default: two validation pieces)")
      ->check(CLI::ExistingFile);
  app.add_option("--primer-seconds", o.primer_seconds, "length of each primer, in seconds")->check(real_in("(0, inf)"));
  app.add_option("--primer-start", o.primer_start, "start of each primer in its file, in seconds")
      ->check(real_in("[0, inf)"));
  app.add_option("--seconds", o.seconds, "length of the new music, in seconds")->check(real_in("(0, inf)"));
  app.add_option("--temperatures,--temperature", o.temperatures,
                 "sampling temperatures: below 1 sharpens the distribution, above 1 flattens it; 0: greedy")
      ->delimiter(',')
      ->check(real_in("[0, inf)"));
  app.add_option("--seeds,--seed", o.seeds, "seeds of the sampling")->delimiter(',');
  add_filter_options(app, o.sampling);
  add_condition_options(app, o.target, "models with that condition; other models ignore it");
  add_audio_options(app, options->audio);
  examples::add_threads_option(app, options->threads);
  add_load_options(app, o.training.loading);
  examples::add_device_options(app, o.training.device);
  app.add_flag("--json", options->as_json, "print one JSON object on stdout");
  renamed(app, "--validation-share", "--validation-fraction");
  renamed(app, "--primer-from", "--primer-start");
  app.callback([options] { run(*options); });
}

}  // namespace piano

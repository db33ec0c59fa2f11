// SPDX-License-Identifier: MIT
// A folder of an exploration:
//
//   NAME/            the run of a configuration that was trained here
//   cells/*.mid      an output for each model, primer, temperature and seed
//   cells.jsonl      its numbers, a line each
//   explore.html     all of it, to listen through
//
// What is there is not made again, so the same command goes on where the last one stopped.
#include "piano/commands/explore.hpp"
#include "piano/commands/sampling_options.hpp"
#include "piano/data/corpus.hpp"
#include "piano/data/primer.hpp"
#include "piano/judging/describe.hpp"
#include "piano/page/data.hpp"
#include "piano/page/page.hpp"
#include "piano/training/configurations.hpp"
#include "piano/training/run.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <utility>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;
using nlohmann::json;

struct Options {
  TrainingOptions training;  // of the configurations; its config has data, length and seed
  std::string output_dir, pedal = "extend";
  std::vector<std::string> configs, run_dirs, primers;
  std::vector<double> temperatures = {0.8, 1, 1.2};
  std::vector<std::uint64_t> seeds = {1, 2};
  double primer_seconds = 10, seconds = 20;
  rondo::SamplingConfig sampling;
  int threads = rondo::most_threads();
  bool scores = false, as_json = false;
};

struct NamedPrimer {
  std::string name;
  fs::path path;  // empty: a validation piece of the model
};

/// A model, and what its outputs are held against.
struct Model {
  std::string name;
  RunDir run;
};

/// The name of a run by its folder, a number behind it if another has that name.
std::string name_beside(const std::vector<Model>& models, const std::string& wanted) {
  std::string name = wanted;
  for (int n = 2; std::ranges::find(models, name, &Model::name) != models.end(); ++n)
    name = wanted + "-" + std::to_string(n);
  return name;
}

class Exploration {
 public:
  explicit Exploration(const Options& options) : o_(options), folder_(options.output_dir) {}

  /// False if it was interrupted.
  bool operator()() {
    fs::create_directories(folder_ / "cells");
    read_cells();
    for (const std::string& dir : o_.run_dirs)
      models_.push_back({name_beside(models_, fs::path(dir).lexically_normal().filename().string()), RunDir(dir)});
    for (const std::string& config : o_.configs)
      models_.push_back({name_beside(models_, config), RunDir(folder_ / config)});
    for (std::size_t m = o_.run_dirs.size(); m < models_.size(); ++m)
      if (!trained(models_[m], o_.configs[m - o_.run_dirs.size()])) return false;
    const InterruptGuard interrupt;
    for (const Model& model : models_)
      if (!sample(model, interrupt)) return false;
    write();
    progress_.finish();
    return true;
  }

  json result() const { return {{"models", models()}, {"cells", cells_}, {"pending", pending()}}; }

 private:
  /// Trains the configuration of that name, or goes on training it, unless it is done.
  bool trained(const Model& model, const std::string& config) {
    if (fs::exists(model.run.result())) return true;
    TrainingOptions training = o_.training;
    const Config& asked = o_.training.config;
    training.config = configuration(config);
    training.config.pedal = music::pedal_mode(o_.pedal);
    training.config.data = asked.data;
    if (o_.scores) training.config.data.push_back(bundled_scores());
    training.config.validation = asked.validation;
    training.config.steps = asked.steps;
    training.config.minutes = asked.minutes;
    training.config.seed = asked.seed;
    training.run_dir = model.run.folder().string();
    training.resume = fs::exists(model.run.last());
    progress_.line("training " + config);
    return train(training, progress_)["stopped"] != "interrupt";
  }

  std::vector<NamedPrimer> primers_of(const Config& config) const {
    std::vector<NamedPrimer> primers;
    for (const std::string& path : o_.primers) primers.push_back({fs::path(path).stem().string(), path});
    if (o_.primers.empty())
      for (std::size_t i = 0; i < std::min<std::size_t>(2, config.validation.size()); ++i)
        primers.push_back({config.validation[i], {}});
    return primers;
  }

  /// All cells of a model that are not there yet, a primer at a time.
  bool sample(const Model& model, const InterruptGuard& interrupt) {
    const Config config = model.run.read_config();
    const auto network = model.run.read_model(config);
    const music::Corpus corpus = corpus_of(config, o_.training.loading);
    const Judge judge(corpus.train, corpus.valid, o_.seconds);
    for (const NamedPrimer& named : primers_of(config)) {
      if (interrupt.asked()) return false;
      if (std::ranges::find(primer_names_, named.name) == primer_names_.end()) primer_names_.push_back(named.name);
      const Primer primer =
          named.path.empty() ? primer_of(std::ranges::find(corpus.valid, named.name, &music::Piece::name)->performance,
                                         o_.primer_seconds)
                             : read_primer(named.path, o_.primer_seconds, config.pedal);
      std::vector<Request> asked;
      for (double temperature : o_.temperatures)
        for (std::uint64_t seed : o_.seeds) {
          Request request{.outline = continuation(primer, o_.seconds),
                          .sampling = o_.sampling,
                          .seed = seed,
                          .told = told_by(primer.performance)};
          request.sampling.temperature = temperature;
          if (!has(model.name, named.name, temperature, seed)) asked.push_back(std::move(request));
        }
      if (asked.empty()) continue;
      const auto takes = generate(network, config.hearing(), asked, opening_velocity(corpus.train));
      for (std::size_t i = 0; i < takes.size(); ++i)
        add(model, named.name, describe(asked[i], takes[i], judge), takes[i]);
      write();
      const double all = static_cast<double>(wanted());
      progress_.show(1 - static_cast<double>(pending()) / all,
                     model.name + ", " + named.name + ": " + std::to_string(takes.size()) + " outputs");
    }
    return true;
  }

  /// What a cell depends on beside its place in the grid.
  json settings() const {
    return {{"primer_seconds", o_.primer_seconds},
            {"seconds", o_.seconds},
            {"top_k", o_.sampling.top_k},
            {"top_p", o_.sampling.top_p},
            {"min_p", o_.sampling.min_p}};
  }

  bool has(const std::string& model, const std::string& primer, double temperature, std::uint64_t seed) const {
    return std::ranges::any_of(cells_, [&](const json& cell) {
      return cell["model"] == model && cell["primer"] == primer && cell["temperature"] == temperature &&
             cell["seed"] == seed;
    });
  }

  void add(const Model& model, const std::string& primer, json cell, const Take& take) {
    char grid[64];
    std::snprintf(grid, sizeof grid, "-t%g-s%llu.mid", cell["temperature"].get<double>(),
                  static_cast<unsigned long long>(cell["seed"].get<std::uint64_t>()));
    const std::string file = "cells/" + model.name + "-" + primer + grid;
    rondo::midi::write_file(folder_ / file, rondo::midi::compose(take.performance, "Rondo, " + model.name));
    cell.update({{"model", model.name}, {"primer", primer}, {"file", file}, {"settings", settings()}});
    std::ofstream out(folder_ / "cells.jsonl", std::ios::app);
    out << cell.dump() << '\n' << std::flush;
    if (!out) throw std::runtime_error((folder_ / "cells.jsonl").string() + ": cannot be written");
    cells_.push_back(std::move(cell));
  }

  /// Cells of an earlier call with the same settings, as far as their files are there.
  void read_cells() {
    std::ifstream in(folder_ / "cells.jsonl");
    for (std::string line; std::getline(in, line);) {
      const json cell = json::parse(line, nullptr, false);
      if (cell.is_object() && cell.value("settings", json()) == settings() &&
          fs::exists(folder_ / cell.value("file", "?")))
        cells_.push_back(cell);
    }
  }

  std::size_t wanted() const {
    std::size_t primers = 0;
    for (const Model& model : models_) primers += primers_of(model.run.read_config()).size();
    return primers * o_.temperatures.size() * o_.seeds.size();
  }
  std::size_t pending() const { return wanted() - std::min(wanted(), cells_.size()); }

  json models() const {
    json all = json::array();
    for (const Model& model : models_) {
      json entry = {{"name", model.name}, {"parameters", nullptr}, {"valid_nll", nullptr}, {"seconds", nullptr}};
      std::ifstream in(model.run.result());
      if (const json result = json::parse(in, nullptr, false); result.is_object())
        entry.update({{"parameters", result.value("parameters", json())},
                      {"valid_nll", result.value("best_valid_nll", json())},
                      {"seconds", result.value("seconds", json())}});
      if (fs::exists(model.run.config())) entry["config"] = model.run.read_config().to_json()["model"];
      all.push_back(std::move(entry));
    }
    return all;
  }

  void write() const {
    json cells = json::array();
    for (json cell : cells_) {
      const auto path = folder_ / cell["file"].get<std::string>();
      cell["performance"] =
          page_performance(rondo::midi::extract<rondo::midi::Seconds>(rondo::midi::read_file(path).file));
      cells.push_back(std::move(cell));
    }
    write_page(folder_ / "explore.html", Page::explore,
               {{"title", "Exploring " + folder_.lexically_normal().filename().string()},
                {"models", models()},
                {"primers", primer_names_},
                {"temperatures", o_.temperatures},
                {"seeds", o_.seeds},
                {"cells", cells},
                {"pending", pending()}});
  }

  const Options& o_;
  fs::path folder_;
  std::vector<Model> models_;
  std::vector<std::string> primer_names_;
  std::vector<json> cells_;
  mutable Progress progress_;
};

void run(const Options& o) {
  if (o.configs.empty() && o.run_dirs.empty())
    throw std::runtime_error("nothing to explore: give --configs NAME... to train, or --run-dirs DIR... to load");
  if (!o.configs.empty() && o.training.config.data.empty() && !o.scores)
    throw std::runtime_error("--configs wants something to learn from: --data PATH... or --scores");
  rondo::set_threads(o.threads);
  Exploration explore(o);
  const bool done = explore();
  const fs::path page = fs::path(o.output_dir) / "explore.html";
  if (o.as_json)
    std::cout << explore.result().dump() << std::endl;
  else if (done)
    std::printf("%s  to listen through\n", page.c_str());
  if (!done) std::fprintf(stderr, "stopped; the same command goes on from here\n");
}

}  // namespace

void add_explore(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  Config& config = o.training.config;
  CLI::App& app = *piano.add_subcommand(
      "explore", "Train or load several models, sample each in several ways, and put it all on one page.");
  app.option_defaults()->always_capture_default();
  app.add_option("--output-dir", o.output_dir,
                 "folder to write: explore.html, cells/*.mid, a run for each configuration")
      ->required();
  app.add_option("--configs", o.configs, "configurations to train, by name")
      ->delimiter(',')
      ->check(CLI::IsMember(configuration_names()));
  app.add_option("--run-dirs", o.run_dirs, "folders of training runs to load")->check(CLI::ExistingDirectory);
  app.add_option("--data", config.data, "what to train on: MIDI files, ABC scores, or folders of them");
  app.add_flag("--scores", o.scores, "train on the bundled pieces (beside --data, if that is given too)");
  app.add_option("--validation", config.validation,
                 "names of the pieces to judge by (default: a tenth, by --train-seed)");
  app.add_option("--pedal", o.pedal, "the sustain pedal: extend notes by it, make it tokens, or ignore it")
      ->check(CLI::IsMember({"extend", "tokens", "ignore"}));
  auto* steps = app.add_option("--steps", config.steps, "batches to train each on")->check(CLI::PositiveNumber);
  app.add_option("--minutes", config.minutes, "minutes to train each, if --steps is not given (2 if neither is)")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  app.add_option("--train-seed", config.seed, "seed of the training");
  app.add_option("--threads", o.threads, "CPU threads (default: one a core); results are the same for any number")
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
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  app.callback([options] { run(*options); });
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/exploration/exploration.hpp"
#include "piano/data/read_primer.hpp"
#include "piano/evaluation/describe.hpp"
#include "piano/page/page.hpp"
#include "piano/run/configurations.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/folders.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;
using nlohmann::json;

/// `wanted`, with a number appended if an element of `all` has that name.
template <class Named>
std::string unique_name(const std::vector<Named>& all, const std::string& wanted) {
  std::string name = wanted;
  for (int n = 2; std::ranges::find(all, name, &Named::name) != all.end(); ++n) name = wanted + "-" + std::to_string(n);
  return name;
}

/// What an output depends on besides model, primer, temperature and seed.
json settings(const ExplorationOptions& o) {
  return {{"primer_seconds", o.primer_seconds}, {"primer_start", o.primer_start}, {"seconds", o.seconds},
          {"top_k", o.sampling.top_k},          {"top_p", o.sampling.top_p},      {"min_p", o.sampling.min_p},
          {"conditions", o.target.to_json()}};
}

}  // namespace

Exploration::Exploration(const ExplorationOptions& options)
    : o_(options), folder_(options.output_dir), outputs_(folder_, settings(options)) {
  for (const std::string& dir : o_.run_dirs)
    models_.push_back({unique_name(models_, fs::path(dir).lexically_normal().filename().string()), RunDir(dir)});
  for (const std::string& config : o_.configs)
    models_.push_back({unique_name(models_, config), RunDir(folder_ / config)});
}

bool Exploration::run() {
  for (std::size_t i = 0; i < o_.configs.size(); ++i)
    if (!train_model(models_[o_.run_dirs.size() + i], o_.configs[i])) return false;
  const InterruptGuard interrupt;
  for (const Model& model : models_)
    if (!sample(model, interrupt)) return false;
  if (!o_.soundfont.empty()) outputs_.render(o_.soundfont);
  write_page();
  progress_.finish();
  return true;
}

json Exploration::result() const { return {{"models", models()}, {"outputs", outputs_.all()}, {"pending", pending()}}; }

bool Exploration::train_model(const Model& model, const std::string& config) {
  if (path_exists(model.run.result())) return true;
  const Config& given = o_.training.config;
  TrainingOptions training = o_.training;
  training.config = configuration(config);
  training.config.pedal = given.pedal;
  training.config.data = given.data;
  training.config.validation = given.validation;
  training.config.validation_fraction = given.validation_fraction;
  training.config.steps = given.steps;
  training.config.minutes = given.minutes;
  training.config.seed = given.seed;
  training.run_dir = model.run.folder().string();
  training.resume = path_exists(model.run.last());
  progress_.line("training " + config);
  rondo::SingleProcess alone;
  return train(training, alone, progress_)["stop_reason"] != "interrupt";
}

std::vector<Exploration::NamedPrimer> Exploration::primers_of(const Config& config) const {
  std::vector<NamedPrimer> primers;
  for (const std::string& path : o_.primers)
    primers.push_back({unique_name(primers, fs::path(path).stem().string()), path});
  if (o_.primers.empty())
    for (std::size_t i = 0; i < std::min<std::size_t>(2, config.validation.size()); ++i)
      primers.push_back({config.validation[i], {}});
  return primers;
}

Primer Exploration::read(const NamedPrimer& named, const Config& config, const music::Corpus& corpus) const {
  if (!named.path.empty()) return read_primer(named.path, o_.primer_seconds, config.pedal, o_.primer_start);
  // A name in config.json may have the file's extension.
  auto piece = std::ranges::find(corpus.valid, named.name, &music::Piece::name);
  if (piece == corpus.valid.end())
    piece = std::ranges::find(corpus.valid, named.name.substr(0, named.name.rfind('.')), &music::Piece::name);
  if (piece == corpus.valid.end()) throw std::runtime_error("no validation piece is called '" + named.name + "'");
  Primer primer = primer_of(piece->performance, o_.primer_seconds, o_.primer_start);
  if (primer.performance.notes.empty())
    throw std::runtime_error("--primer-start: no note of " + named.name + " begins at that time or later");
  return primer;
}

bool Exploration::sample(const Model& model, const InterruptGuard& interrupt) {
  const Config config = model.run.read_config();
  const auto network = model.run.read_model(config);
  const music::Corpus corpus = corpus_of(config, o_.training.loading);
  const Evaluator evaluator(corpus.train, corpus.valid, o_.seconds);
  for (const NamedPrimer& named : primers_of(config)) {
    if (interrupt.requested()) return false;
    if (std::ranges::find(primer_names_, named.name) == primer_names_.end()) primer_names_.push_back(named.name);
    const Primer primer = read(named, config, corpus);
    std::vector<Request> requests;
    for (double temperature : o_.temperatures)
      for (std::uint64_t seed : o_.seeds) {
        Request request{.plan = continuation(primer, o_.seconds),
                        .sampling = o_.sampling,
                        .seed = seed,
                        .condition_values = o_.target.apply(condition_values_of(primer.performance))};
        request.sampling.temperature = temperature;
        if (!outputs_.has(model.name, named.name, temperature, seed)) requests.push_back(std::move(request));
      }
    if (requests.empty()) continue;
    const auto pieces = generate(network, config.input_spec(), requests, opening_velocity(corpus.train));
    for (std::size_t i = 0; i < pieces.size(); ++i)
      outputs_.add(model.name, named.name, describe(requests[i], pieces[i], evaluator), pieces[i]);
    write_page();
    const double all = static_cast<double>(wanted());
    progress_.show(1 - static_cast<double>(pending()) / all,
                   model.name + ", " + named.name + ": " + std::to_string(pieces.size()) + " outputs");
  }
  return true;
}

std::size_t Exploration::wanted() const {
  std::size_t primers = 0;
  for (const Model& model : models_) primers += primers_of(model.run.read_config()).size();
  return primers * o_.temperatures.size() * o_.seeds.size();
}

std::size_t Exploration::pending() const { return wanted() - std::min(wanted(), outputs_.all().size()); }

json Exploration::models() const {
  json all = json::array();
  for (const Model& model : models_) {
    json entry = {{"name", model.name}, {"parameters", nullptr}, {"valid_nll", nullptr}, {"seconds", nullptr}};
    std::ifstream in(model.run.result());
    if (const json result = json::parse(in, nullptr, false); result.is_object())
      entry.update({{"parameters", result.value("parameters", json())},
                    {"valid_nll", result.value("best_valid_nll", json())},
                    {"seconds", result.value("seconds", json())}});
    if (path_exists(model.run.config())) entry["config"] = model.run.read_config().to_json()["model"];
    all.push_back(std::move(entry));
  }
  return all;
}

void Exploration::write_page() const {
  piano::write_page(folder_ / "explore.html", Page::explore,
                    {{"title", "Exploring " + folder_.lexically_normal().filename().string()},
                     {"models", models()},
                     {"primers", primer_names_},
                     {"temperatures", o_.temperatures},
                     {"seeds", o_.seeds},
                     {"outputs", outputs_.with_performances()},
                     {"pending", pending()}});
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/commands/eval.hpp"
#include "piano/data/corpus.hpp"
#include "piano/judging/evaluate.hpp"
#include "piano/playing/generate.hpp"
#include "piano/training/run_dir.hpp"

#include <rondo/music/ngram.hpp>
#include <rondo/music/statistics.hpp>
#include <rondo/music/tokens.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

struct Options {
  std::string run_dir;
  std::vector<std::string> data, only;
  int samples = 16;
  double sample_seconds = 20, temperature = 1;
  std::uint64_t seed = 1;
  bool as_json = false;
};

/// The pieces to judge by: all that was given, or those named by --only.
std::vector<music::Piece> pieces(const Options& o, const Config& config) {
  auto loaded = load(o.data, config.pedal);
  for (const std::string& problem : loaded.problems)
    std::fprintf(stderr, "piano eval: left out: %s\n", problem.c_str());
  if (o.only.empty()) return std::move(loaded.pieces);
  std::vector<music::Piece> chosen;
  for (const std::string& name : o.only) {
    const auto found = std::ranges::find(loaded.pieces, name, &music::Piece::name);
    if (found == loaded.pieces.end()) throw std::runtime_error("--only: no piece is called '" + name + "'");
    chosen.push_back(*found);
  }
  return chosen;
}

/// The floors of counting, from the pieces the model learned from; null where they are gone.
json floors(const Config& config, const std::vector<music::Piece>& judged) {
  try {
    const auto train = training_pieces(config);
    const auto f = music::ngram_floors(train, judged, static_cast<int>(config.model.vocabulary));
    return {{"uniform", f.uniform},
            {"unigram", f.unigram},
            {"bigram", f.bigram},
            {"trigram", f.trigram},
            {"fourgram", f.fourgram}};
  } catch (const std::exception& e) {
    std::fprintf(stderr, "piano eval: no floors, the training data cannot be read: %s\n", e.what());
    return nullptr;
  }
}

/// How far continuations by the model are from the pieces themselves: windows of the same length of both.
json distribution(const Options& o, const rondo::TokenModel<float>& model, const Config& config, const std::vector<music::Piece>& judged) {
  constexpr double kPrimerSeconds = 10;
  std::vector<Request> requests;
  for (int i = 0; i < o.samples; ++i)
    requests.push_back(
        {.primer = opening_of(judged[static_cast<std::size_t>(i) % judged.size()].performance, kPrimerSeconds),
         .seconds = o.sample_seconds,
         .sampling = {.temperature = o.temperature},
         .seed = o.seed + static_cast<std::uint64_t>(i)});
  std::vector<music::Performance> ours, theirs;
  json samples = json::array();
  for (const Take& take : generate(model, config.hearing(), requests, music::velocity(16))) {
    auto performance = music::decode(take.tokens);
    std::erase_if(performance.notes, [](const music::Note& note) { return note.start.value < kPrimerSeconds; });
    const auto s = music::describe(performance);
    samples.push_back({{"notes_per_second", s.notes_per_second},
                       {"mean_polyphony", s.mean_polyphony},
                       {"mean_velocity", s.mean_velocity}});
    ours.push_back(std::move(performance));
  }
  for (const auto& piece : judged)
    for (auto& window : music::cut_windows(piece.performance, o.sample_seconds)) theirs.push_back(std::move(window));
  const auto distances = music::compare_performances(ours, theirs);
  json features = json::object();
  for (const auto& d : distances) features[d.feature] = {{"overlap_area", d.distance.overlap}, {"kl", d.distance.kl}};
  const auto mean = music::mean(distances);
  return {{"overlap_area", mean.overlap}, {"kl", mean.kl}, {"features", features}, {"samples", samples}};
}

json numbers(const Options& o) {
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  const auto model = run_dir.read_model(config);
  const auto judged = pieces(o, config);
  const Likelihood likelihood = evaluate(model, judged, config.hearing());
  std::size_t notes = 0;
  double seconds = 0;
  for (const auto& piece : judged) notes += piece.performance.notes.size(), seconds += piece.performance.duration.value;
  const double total = likelihood.total_nats();
  using enum music::EventKind;
  json by_event = {{"note_on", likelihood.of(note_on)},
                   {"note_off", likelihood.of(note_off)},
                   {"time_shift", likelihood.of(time_shift)},
                   {"velocity", likelihood.of(velocity)}};
  if (config.pedal == music::PedalMode::tokens) by_event["pedal"] = likelihood.of(pedal);
  return {{"pieces", judged.size()},
          {"tokens", likelihood.total_tokens()},
          {"nll_per_token", likelihood.per_token()},
          {"nll_per_note", total / static_cast<double>(notes)},
          {"nll_per_second", total / seconds},
          {"nll_by_event", by_event},
          {"accuracy", static_cast<double>(likelihood.correct) / static_cast<double>(likelihood.total_tokens())},
          {"floors", floors(config, judged)},
          {"distribution", o.samples > 0 ? distribution(o, model, config, judged) : json()}};
}

void print(const json& n) {
  std::printf("%zu pieces, %zu tokens\n", n["pieces"].get<std::size_t>(), n["tokens"].get<std::size_t>());
  const auto line = [](const char* what, const json& value) {
    if (value.is_number()) std::printf("  %-28s %.3f\n", what, value.get<double>());
  };
  line("nats per token", n["nll_per_token"]);
  line("nats per note", n["nll_per_note"]);
  line("nats per second", n["nll_per_second"]);
  for (const auto& [kind, value] : n["nll_by_event"].items()) line(("nats per " + kind + " token").c_str(), value);
  line("likeliest token was right", n["accuracy"]);
  if (n["floors"].is_object())
    for (const auto& [kind, value] : n["floors"].items()) line(("floor: " + kind).c_str(), value);
  if (n["distribution"].is_object()) {
    line("overlap area of samples", n["distribution"]["overlap_area"]);
    line("KL divergence of samples", n["distribution"]["kl"]);
  }
}

}  // namespace

void add_eval(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App& app =
      *piano.add_subcommand("eval", "Judge a trained model on performances, in nats, and its samples beside them.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--data", o.data, "MIDI files, ABC scores, or folders of them")->required();
  app.add_option("--only", o.only, "names of the pieces in --data to judge by (default: all)");
  app.add_option("--samples", o.samples, "continuations to sample and compare with the pieces; 0: none")
      ->check(CLI::Range(0, 1000));
  app.add_option("--sample-seconds", o.sample_seconds, "length of each, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--temperature", o.temperature, "of the sampling")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", o.seed, "seed of the sampling");
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  app.callback([options] {
    const json result = numbers(*options);
    if (options->as_json)
      std::cout << result.dump() << std::endl;
    else
      print(result);
  });
}

}  // namespace piano

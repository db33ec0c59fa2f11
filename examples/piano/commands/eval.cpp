// SPDX-License-Identifier: MIT
#include "piano/commands/eval.hpp"
#include "piano/evaluation/evaluate.hpp"
#include "piano/evaluation/evaluator.hpp"
#include "piano/evaluation/metrics.hpp"
#include "piano/generation/generate.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/run_dir.hpp"

#include <rondo/music/tokens.hpp>
#include "piano/evaluation/ngram.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

struct Options {
  std::string run_dir;
  std::vector<std::string> data, only;
  int samples = 16;
  double sample_seconds = 20, window_seconds = 10, temperature = 1;
  std::uint64_t seed = 1;
  bool as_json = false;
};

/// All pieces that were given.
std::vector<music::Piece> given(const Options& o, const Config& config) {
  auto loaded = load(o.data, config.pedal);
  for (const std::string& problem : loaded.problems)
    std::fprintf(stderr, "piano eval: left out: %s\n", problem.c_str());
  return std::move(loaded.pieces);
}

/// Those of them to judge by: all, or those named by --only.
std::vector<music::Piece> chosen(const Options& o, const std::vector<music::Piece>& all) {
  if (o.only.empty()) return all;
  std::vector<music::Piece> some;
  for (const std::string& name : o.only) {
    const auto found = std::ranges::find(all, name, &music::Piece::name);
    if (found == all.end()) throw std::runtime_error("--only: no piece is called '" + name + "'");
    some.push_back(*found);
  }
  return some;
}

/// The pieces that are not among the learned ones, whatever they are called there.
std::vector<music::Piece> not_in_training(const std::vector<music::Piece>& pieces,
                                          const std::vector<music::Piece>& train) {
  std::vector<std::vector<music::Token>> known;
  for (const auto& piece : train) known.push_back(music::tokens_of(piece));
  std::vector<music::Piece> rest;
  for (const auto& piece : pieces)
    if (std::ranges::find(known, music::tokens_of(piece)) == known.end()) rest.push_back(piece);
  return rest;
}

/// New music by the model: continuations of the evaluated pieces' openings, without these.
std::vector<music::Performance> continuations(const Options& o, const rondo::TokenModel<float>& model,
                                              const Config& config, const std::vector<music::Piece>& evaluated) {
  constexpr double kPrimerSeconds = 10;
  std::vector<Request> requests;
  for (int i = 0; i < o.samples; ++i) {
    const Primer primer =
        primer_of(evaluated[static_cast<std::size_t>(i) % evaluated.size()].performance, kPrimerSeconds);
    requests.push_back({.plan = continuation(primer, o.sample_seconds),
                        .sampling = {.temperature = o.temperature},
                        .seed = o.seed + static_cast<std::uint64_t>(i),
                        .condition_values = condition_values_of(primer.performance)});
  }
  std::vector<music::Performance> outputs;
  for (const GeneratedPiece& take : generate(model, config.input_spec(), requests, music::velocity(16)))
    outputs.push_back(take.new_notes());
  return outputs;
}

json numbers(const Options& o) {
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  const auto model = run_dir.read_model(config);
  const auto all = given(o, config), evaluated = chosen(o, all),
             train = corpus_or_none(config, {}, "piano eval: no n-gram baselines and no memorisation").train;

  json result = to_json(evaluate(model, evaluated, config.input_spec()));
  if (config.conditions.needs_lookahead())
    result["nll_per_token_conditioned"] = evaluate(model, evaluated, config.input_spec(), true).per_token();
  result["pieces"] = evaluated.size();
  result["pieces_in_training_set"] = evaluated.size() - not_in_training(evaluated, train).size();
  result["floors"] = nullptr;
  if (!train.empty()) {
    const auto f = ngram_baselines(train, evaluated, static_cast<int>(config.model.vocabulary));
    result["floors"] = to_json(f);
    result["floors"]["leave_one_out"] = f.leave_one_out;
  }
  result["bars"] = bar_metrics(evaluated);
  result["distribution"] = nullptr;
  result["memorisation"] = nullptr;
  if (o.samples == 0) return result;

  const Evaluator evaluator(train, not_in_training(all, train), o.sample_seconds, o.window_seconds);
  const auto outputs = continuations(o, model, config, evaluated);
  result["distribution"] = evaluator.distribution(outputs);
  if (train.empty()) return result;
  json each = json::array();
  for (const auto& output : outputs) {
    each.push_back(evaluator.memorisation(output));
    each.back().update(evaluator.measures(output));
  }
  result["memorisation"] = {
      {"outputs", each}, {"held_out", evaluator.held_out()}, {"copy_thresholds", evaluator.copy_thresholds()}};
  return result;
}

}  // namespace

void add_eval(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App& app = *piano.add_subcommand(
      "eval", "Evaluate a trained model: its likelihood of performances, its samples beside the training pieces.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--data", o.data, "MIDI files, ABC scores, or folders of them")->required();
  app.add_option(
      "--only", o.only,
      "names of the pieces in --data to judge by (default: all); the others still tell what music shares that "
      "the model has not learned");
  app.add_option("--num-outputs", o.samples, "continuations to sample and compare with the pieces; 0: none")
      ->check(CLI::Range(0, 1000));
  app.add_option("--seconds", o.sample_seconds, "length of each, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--window-seconds", o.window_seconds,
                 "length of the windows in which samples are compared with the training pieces, in seconds")
      ->check(CLI::PositiveNumber);
  app.add_option("--temperature", o.temperature, "of the sampling")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", o.seed, "seed of the sampling");
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  app.callback([options] {
    const json result = numbers(*options);
    if (options->as_json)
      std::cout << result.dump() << std::endl;
    else
      print_metrics(result);
  });
}

}  // namespace piano

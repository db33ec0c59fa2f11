// SPDX-License-Identifier: MIT
#include "piano/commands/eval.hpp"
#include "piano/adaptation/tune.hpp"
#include "piano/commands/shared_options.hpp"
#include "piano/data/load.hpp"
#include "piano/evaluation/device_evaluation.hpp"
#include "piano/evaluation/evaluator.hpp"
#include "piano/evaluation/metrics.hpp"
#include "piano/evaluation/ngram.hpp"
#include "piano/generation/generate.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/run_dir.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/music/tokens.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

constexpr double kDriftSeconds = 120;     // samples of this length or more are also compared minute by minute
constexpr std::size_t kBeginning = 1000;  // tokens of a piece that are also compared alone with --adapt

struct EvalOptions {
  std::string run_dir;
  std::vector<std::string> data, only;
  int num_outputs = 16, batch_size = 16, threads = rondo::max_threads();
  double primer_seconds = 10, seconds = 20, window_seconds = 10;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  LoadOptions loading;
  examples::DeviceOptions device;
  bool adapt = false, as_json = false;
};

/// All pieces of --data.
std::vector<music::Piece> load_data(const EvalOptions& o, const Config& config) {
  auto loaded = load(o.data, config.pedal, o.loading);
  for (const std::string& problem : loaded.problems)
    std::fprintf(stderr, "piano eval: left out: %s\n", problem.c_str());
  return std::move(loaded.pieces);
}

/// The pieces to evaluate: all, or those named by --only.
std::vector<music::Piece> select(const EvalOptions& o, const std::vector<music::Piece>& all) {
  if (o.only.empty()) return all;
  std::vector<music::Piece> selected;
  for (const std::string& name : o.only) {
    const auto found = std::ranges::find(all, name, &music::Piece::name);
    if (found == all.end()) throw std::runtime_error("--only: no piece is called '" + name + "'");
    selected.push_back(*found);
  }
  return selected;
}

/// The pieces whose tokens are not those of a training piece, whatever their names are.
std::vector<music::Piece> not_in_training(const std::vector<music::Piece>& pieces,
                                          const std::vector<music::Piece>& train) {
  std::vector<std::vector<music::Token>> known;
  for (const auto& piece : train) known.push_back(music::tokens_of(piece));
  std::vector<music::Piece> rest;
  for (const auto& piece : pieces)
    if (std::ranges::find(known, music::tokens_of(piece)) == known.end()) rest.push_back(piece);
  return rest;
}

/// Continuations of the beginnings of the evaluated pieces, without these beginnings.
std::vector<GeneratedPiece> continuations(const EvalOptions& o, const rondo::TokenModel<float>& model,
                                          const Config& config, const std::vector<music::Piece>& evaluated) {
  std::vector<Request> requests;
  for (int i = 0; i < o.num_outputs; ++i) {
    const Primer primer =
        primer_of(evaluated[static_cast<std::size_t>(i) % evaluated.size()].performance, o.primer_seconds);
    requests.push_back({.plan = continuation(primer, o.seconds),
                        .sampling = o.sampling,
                        .seed = o.seed + static_cast<std::uint64_t>(i),
                        .condition_values = condition_values_of(primer.performance)});
  }
  return generate(model, config.input_spec(), requests, music::velocity(16));
}

/// How samples change from minute to minute, beside held-out music: {outputs, held_out}, arrays as of
/// Evaluator::by_minute. Outputs also have nll_per_token.
json drift(const std::vector<GeneratedPiece>& pieces, std::span<const music::Performance> outputs,
           const Evaluator& evaluator) {
  json minutes = evaluator.by_minute(outputs);
  for (std::size_t m = 0; m < minutes.size(); ++m) {
    SampledNats sum;
    for (const GeneratedPiece& piece : pieces)
      if (m < piece.minutes.size()) sum.nats += piece.minutes[m].nats, sum.tokens += piece.minutes[m].tokens;
    minutes[m]["nll_per_token"] = sum.tokens > 0 ? json(sum.nats / static_cast<double>(sum.tokens)) : json();
  }
  return {{"outputs", minutes}, {"held_out", evaluator.held_out_by_minute()}};
}

/// The likelihood of a model that adapts to each piece; also of the beginnings alone, beside that of the trained model.
json adapted(const rondo::TokenModel<float>& trained, const Config& config, const std::vector<music::Piece>& pieces) {
  const auto per_token = [&](const AdaptationSettings& settings, std::size_t limit) {
    return evaluate_adaptive(trained, settings, pieces, config.input_spec(), limit).per_token();
  };
  constexpr AdaptationSettings kNone{.learning_rate = 0, .pull = 0};
  return {{"nll_per_token_adapted", per_token(config.adaptation, std::numeric_limits<std::size_t>::max())},
          {"beginnings",
           {{"tokens_per_piece", kBeginning},
            {"nll_per_token", per_token(kNone, kBeginning)},
            {"nll_per_token_adapted", per_token(config.adaptation, kBeginning)}}}};
}

json compute_metrics(const EvalOptions& o) {
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  const auto all = load_data(o, config), evaluated = select(o, all),
             train = corpus_or_none(config, o.loading, "piano eval: no n-gram baselines and no memorisation").train;

  const DeviceEvaluation evaluation = evaluate_on_device(run_dir, config, evaluated, o.batch_size, o.device);
  json result = to_json(evaluation.likelihood);
  result.update(json(evaluation.device));
  if (evaluation.conditioned) result["nll_per_token_conditioned"] = evaluation.conditioned->per_token();
  if (o.adapt) result.update(adapted(run_dir.read_model(config), config, evaluated));
  result["pieces"] = evaluated.size();
  result["pieces_in_training_set"] = evaluated.size() - not_in_training(evaluated, train).size();
  result["baselines"] = nullptr;
  if (!train.empty()) {
    const auto baselines = ngram_baselines(train, evaluated, static_cast<int>(config.model.vocabulary));
    result["baselines"] = to_json(baselines);
    result["baselines"]["leave_one_out"] = baselines.leave_one_out;
  }
  result["floors"] = result["baselines"];  // its former name
  result["bars"] = bar_metrics(evaluated);
  result["distribution"] = nullptr;
  result["drift"] = nullptr;
  result["memorisation"] = nullptr;
  if (o.num_outputs == 0) return result;

  const Evaluator evaluator(train, not_in_training(all, train), o.seconds, o.window_seconds);
  const auto pieces = continuations(o, run_dir.read_model(config), config, evaluated);
  std::vector<music::Performance> outputs;
  for (const GeneratedPiece& piece : pieces) outputs.push_back(piece.new_notes());
  result["distribution"] = evaluator.distribution(outputs);
  if (o.seconds >= kDriftSeconds) result["drift"] = drift(pieces, outputs, evaluator);
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

void run(const EvalOptions& o) {
  rondo::set_num_threads(o.threads);
  const json result = compute_metrics(o);
  if (o.as_json)
    std::cout << result.dump() << std::endl;
  else
    print_metrics(result);
}

}  // namespace

void add_eval(CLI::App& piano) {
  using examples::integer_in, examples::real_in, examples::renamed;
  auto options = std::make_shared<EvalOptions>();
  EvalOptions& o = *options;
  CLI::App& app = *piano.add_subcommand(
      "eval",
      "Evaluate a trained model: likelihood and calibration on given pieces, similarity of its samples to the training "
      "pieces, memorisation.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--data", o.data, "MIDI files, ABC scores, or folders of them")->required();
  app.add_option("--only", o.only,
                 "names of the pieces in --data to evaluate (default: all); the others serve as held-out reference for "
                 "memorisation");
  app.add_option("--batch-size", o.batch_size, "sequences per batch")->check(integer_in("[1, 65536]"));
  app.add_option("--num-outputs", o.num_outputs,
                 "number of samples, continuations of the pieces' beginnings, computed on the CPU; 0: none")
      ->check(integer_in("[0, 1000]"));
  app.add_option("--primer-seconds", o.primer_seconds, "length of these beginnings, in seconds")
      ->check(real_in("(0, inf)"));
  app.add_option("--seconds", o.seconds, "length of each sample, in seconds")->check(real_in("(0, inf)"));
  app.add_option("--window-seconds", o.window_seconds,
                 "length of the windows in which samples are compared with the training pieces, in seconds")
      ->check(real_in("(0, inf)"));
  add_sampling_options(app, o.sampling);
  app.add_option("--seed", o.seed, "seed of the first sample; the others use the next seeds");
  app.add_flag("--adapt", o.adapt,
               "also the likelihood of a model that goes on learning while it reads each piece, computed on the CPU");
  examples::add_threads_option(app, o.threads);
  add_load_options(app, o.loading);
  examples::add_device_options(app, o.device);
  app.add_flag("--json", o.as_json, "print one JSON object on stdout");
  renamed(app, "--samples", "--num-outputs");
  renamed(app, "--sample-seconds", "--seconds");
  app.callback([options] { run(*options); });
}

}  // namespace piano

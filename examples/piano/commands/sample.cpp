// SPDX-License-Identifier: MIT
#include "piano/commands/sample.hpp"
#include "piano/adaptation/adaptive_model.hpp"
#include "piano/audio/wav.hpp"
#include "piano/commands/shared_options.hpp"
#include "piano/data/load.hpp"
#include "piano/data/read_primer.hpp"
#include "piano/evaluation/describe.hpp"
#include "piano/generation/generate.hpp"
#include "piano/generation/infill.hpp"
#include "piano/instrument/packed_model.hpp"
#include "piano/page/data.hpp"
#include "piano/page/page.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/folders.hpp"
#include "piano/run/run_dir.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/io/replace_file.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

struct SampleOptions {
  std::string run_dir, primer_midi, primer_notes, mode, output_dir;
  double primer_seconds = 15, primer_start = 0, primer_tempo = 120, seconds = 30, vary_fraction = 0,
         vary_temperature_step = 0.1, from = 0, to = 0;
  int from_bar = 0, to_bar = 0;
  bool in_bars = false;  // the stretch of `infill`
  int num_outputs = 3, candidates = InfillOptions{}.candidates, threads = rondo::max_threads();
  TargetConditions target;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  LoadOptions loading;
  AudioOptions audio;
  bool adapt = false, as_json = false;

  bool has_primer() const { return !primer_midi.empty() || !primer_notes.empty(); }
  std::string mode_or_default() const { return !mode.empty() ? mode : has_primer() ? "continue" : "free"; }
  std::string primer_name() const {
    return primer_midi.empty() ? primer_notes : std::filesystem::path(primer_midi).stem().string();
  }
};

/// What the model is given.
struct Source {
  Primer primer;
  Span gap = {};  // of `infill`, from the first note of the music; the options count from the beginning of the file
};

Source read(const SampleOptions& o, music::PedalMode pedal) {
  const std::string mode = o.mode_or_default();
  if (mode == "free") return {};
  if (!o.has_primer()) throw std::runtime_error("--mode " + mode + " needs --primer-midi FILE or --primer-notes NOTES");
  if (mode == "infill") {
    if (o.primer_midi.empty()) throw std::runtime_error("--mode infill needs --primer-midi FILE, the whole piece");
    if (!o.in_bars && !(o.from < o.to))
      throw std::runtime_error(
          "--mode infill needs --from SECONDS and a later --to SECONDS, or --from-bar and --to-bar");
    std::vector<music::BarStart> bars;
    Source source{read_primer(o.primer_midi, std::numeric_limits<double>::infinity(), pedal, 0, &bars)};
    try {
      source.gap = o.in_bars ? span_of_bars(bars, o.from_bar, o.to_bar) : Span{o.from, o.to};
    } catch (const std::invalid_argument& e) {
      throw std::runtime_error(o.primer_midi + ": " + e.what());
    }
    source.gap.begin -= source.primer.begin;
    source.gap.end -= source.primer.begin;
    return source;
  }
  return {o.primer_midi.empty() ? parse_primer_notes(o.primer_notes, o.primer_tempo)
                                : read_primer(o.primer_midi, o.primer_seconds, pedal, o.primer_start)};
}

/// One request per output. `vary` raises the temperature from output to output.
std::vector<Request> requests(const SampleOptions& o, const Config& config, const Primer& primer) {
  const std::string mode = o.mode_or_default();
  if (!o.target.supported_by(config.conditions))
    throw std::runtime_error(o.run_dir + ": the model has no such condition; --notes-per-second and --key need a " +
                             "model of `piano train --condition notes-per-second,key`");
  const music::ConditionValues condition_values =
      o.target.apply(mode == "free" ? music::ConditionValues{} : condition_values_of(primer.performance));
  std::vector<Request> all;
  for (int i = 0; i < o.num_outputs; ++i) {
    Request request{.plan = {},
                    .sampling = o.sampling,
                    .seed = o.seed + static_cast<std::uint64_t>(i),
                    .condition_values = condition_values};
    if (mode == "free") request.plan = free_play(o.seconds);
    if (mode == "continue") request.plan = continuation(primer, o.seconds);
    if (mode == "vary") {
      request.plan = o.vary_fraction > 0 ? regenerate_fraction(primer, o.vary_fraction, request.seed)
                                         : regenerate_second_half(primer);
      request.sampling.temperature *= 1 + o.vary_temperature_step * i;
    }
    all.push_back(std::move(request));
  }
  return all;
}

/// What is generated, and for each output its request.
struct Generated {
  std::vector<Request> requests;
  std::vector<GeneratedPiece> pieces;
  json infill;                             // of the manifest: {from, to, candidates, the likelihoods of Infills}
  std::vector<double> following_per_note;  // of each output of infill
};

Generated generate(const SampleOptions& o, const Config& config, const Source& source,
                   const rondo::TokenModel<float>& model, music::Token opening) {
  const auto& [primer, gap] = source;
  Generated result;
  result.requests = requests(o, config, primer);
  if (o.mode_or_default() != "infill") {
    result.pieces = generate(model, config.input_spec(), result.requests, opening);
    return result;
  }
  const Infills filled = infill(model, config.input_spec(), primer.performance, gap, result.requests[0], o.num_outputs,
                                opening, {.candidates = o.candidates});
  for (std::size_t i = 0; i < filled.outputs.size(); ++i) {
    result.requests[i].plan.free = {gap};
    result.requests[i].seed = filled.outputs[i].seed;
    result.pieces.push_back(filled.outputs[i].piece);
    result.following_per_note.push_back(filled.outputs[i].following_per_note);
  }
  result.infill = {{"from", gap.begin + primer.begin},
                   {"to", gap.end + primer.begin},
                   {"candidates", o.candidates},
                   {"original_following_nll_per_note", filled.original_following_per_note},
                   {"median_following_nll_per_note", filled.median_following_per_note}};
  return result;
}

/// Lets the model learn from the primer, in `infill` from the music outside the stretch. Returns what the manifest says
/// of it: {window, learning_rate, pull, primer_tokens, nll_per_token}, the last for the primer as it was read; null
/// without --adapt.
json adapt(const SampleOptions& o, const Config& config, const Source& source, rondo::TokenModel<float>& model) {
  const auto& [primer, gap] = source;
  if (!o.adapt) return nullptr;
  if (primer.performance.notes.empty()) throw std::runtime_error("--adapt needs a primer to learn from");
  const bool infill = o.mode_or_default() == "infill";
  AdaptiveModel adaptive(model, config.adaptation);
  const Likelihood likelihood =
      adaptive.read({.name = "primer", .performance = infill ? regenerate_span(primer, gap).given : primer.performance},
                    config.input_spec(), config.conditions.needs_lookahead());
  json about = to_json(config.adaptation);
  about["primer_tokens"] = likelihood.total_tokens();
  about["nll_per_token"] = likelihood.per_token();
  model = adaptive.model();
  return about;
}

void run(const SampleOptions& o) {
  rondo::set_num_threads(o.threads);
  const std::filesystem::path soundfont = o.audio.wav ? find_soundfont(o.audio.soundfont) : std::filesystem::path{};
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  auto model = run_dir.read_model(config);
  const Source source = read(o, config.pedal);
  const Primer& primer = source.primer;
  const json adaptation = adapt(o, config, source, model);
  const music::Corpus corpus = corpus_or_none(config, o.loading, "piano sample: no memorisation");
  const Generated made = generate(o, config, source, model, opening_velocity(corpus.train));
  const auto& [wanted, pieces, filled, following] = made;
  const Evaluator evaluator(corpus.train, corpus.valid, o.seconds);

  const std::filesystem::path folder(o.output_dir);
  create_folder(folder);
  json outputs = json::array(), page_outputs = json::array();
  std::vector<music::Performance> generated;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    char file[32];
    std::snprintf(file, sizeof file, "%02zu.mid", i + 1);
    rondo::midi::write_file(
        folder / file, rondo::midi::compose(pieces[i].performance, "Rondo, seed " + std::to_string(wanted[i].seed)));
    json output = describe(wanted[i], pieces[i], evaluator);
    output["file"] = file;
    if (!following.empty()) output["following_nll_per_note"] = following[i];
    if (o.adapt) output["memorisation_of_primer"] = shared_with(primer.performance, pieces[i].new_notes());
    if (o.audio.wav) {
      const auto sound = std::filesystem::path(file).replace_extension(".wav");
      render_wav(folder / file, folder / sound, soundfont);
      output["wav"] = sound.string();
    }
    outputs.push_back(output);
    output["performance"] = page_performance(pieces[i].performance, pieces[i].given);
    page_outputs.push_back(std::move(output));
    generated.push_back(pieces[i].new_notes());
  }
  json manifest = {{"checkpoint", run_dir.model().string()},
                   {"mode", o.mode_or_default()},
                   {"primer", o.primer_midi.empty() ? o.primer_notes : o.primer_midi},
                   {"pedal", name(config.pedal)},
                   {"conditions", o.target.to_json()},
                   {"adaptation", adaptation},
                   {"infill", filled},
                   {"sampling",
                    {{"temperature", o.sampling.temperature},
                     {"top_k", o.sampling.top_k},
                     {"top_p", o.sampling.top_p},
                     {"min_p", o.sampling.min_p}}},
                   {"held_out", evaluator.held_out()},
                   {"copy_thresholds", evaluator.copy_thresholds()},
                   {"distribution", evaluator.distribution(generated)},
                   {"outputs", outputs}};
  rondo::replace_file(folder / "manifest.json", manifest.dump(2) + "\n");
  json page = manifest;
  page["title"] = page_title(o.mode_or_default(), o.primer_name());
  page["outputs"] = page_outputs;
  page["adaptation_settings"] = to_json(config.adaptation);
  write_page(folder / "index.html", Page::samples, page,
             pack_model(config.pedal, config.conditions, config.grammar, model));
  if (o.as_json) {
    std::cout << manifest.dump() << std::endl;
    return;
  }
  for (const auto& output : outputs)
    std::printf("%s  %zu new notes, %.0f s\n", (folder / output["file"].get<std::string>()).c_str(),
                output["notes"].get<std::size_t>(), output["seconds"].get<double>());
  std::printf("page with a player: %s\n", (folder / "index.html").c_str());
}

}  // namespace

void add_sample(CLI::App& piano) {
  using examples::integer_in, examples::real_in, examples::renamed;
  auto options = std::make_shared<SampleOptions>();
  SampleOptions& o = *options;
  CLI::App& app = *piano.add_subcommand(
      "sample", "Continue a primer, vary it, or generate without one; write MIDI files and a page that plays them.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--output-dir", o.output_dir, "folder to write: 01.mid, 02.mid, ..., manifest.json, index.html")
      ->required();
  auto* midi =
      app.add_option("--primer-midi", o.primer_midi, "primer: a MIDI file or ABC score")->check(CLI::ExistingFile);
  app.add_option("--primer-seconds", o.primer_seconds, "length of the primer, in seconds")->check(real_in("(0, inf)"));
  app.add_option("--primer-start", o.primer_start, "start of the primer in the file, in seconds")
      ->check(real_in("[0, inf)"));
  app.add_option("--primer-notes", o.primer_notes,
                 "primer as notes, e.g. \"C4 E4 G4\", \"C3+E4:2 r G4:0.5\" (+ chord, r rest, :beats)")
      ->excludes(midi);
  app.add_option("--primer-tempo", o.primer_tempo, "tempo of --primer-notes, in quarter notes per minute")
      ->check(real_in("[20, 400]"));
  app.add_option("--mode", o.mode,
                 "continue: the primer, then new music; vary: regenerate the second half of the primer, or "
                 "--vary-fraction of it, with a higher temperature for each output; infill: the whole piece with new "
                 "music between --from and --to, which leads into what follows; free: without a primer (default: "
                 "continue with a primer, else free)")
      ->check(CLI::IsMember({"continue", "vary", "infill", "free"}));
  auto* from =
      app.add_option("--from", o.from, "beginning of the stretch that `infill` replaces, in seconds of the file")
          ->check(real_in("[0, inf)"));
  auto* to = app.add_option("--to", o.to, "end of that stretch, in seconds of the file")->check(real_in("[0, inf)"));
  auto* from_bar = app.add_option("--from-bar", o.from_bar, "first bar of that stretch, instead of --from")
                       ->check(integer_in("[0, 1048576]"))
                       ->excludes(from)
                       ->excludes(to);
  auto* to_bar = app.add_option("--to-bar", o.to_bar, "last bar of that stretch, instead of --to")
                     ->check(integer_in("[0, 1048576]"))
                     ->excludes(from)
                     ->excludes(to)
                     ->needs(from_bar);
  from_bar->needs(to_bar);
  app.add_option("--candidates", o.candidates,
                 "continuations among which the outputs of `infill` are drawn, by how likely they make what follows")
      ->check(integer_in("[1, 4096]"));
  app.add_option("--vary-fraction", o.vary_fraction,
                 "fraction of the primer that `vary` regenerates, in random places; 0: its second half")
      ->check(real_in("[0, 1]"));
  app.add_option("--vary-temperature-step", o.vary_temperature_step,
                 "increase of the temperature from output to output of `vary`, relative to --temperature")
      ->check(real_in("[0, inf)"));
  app.add_flag("--adapt", o.adapt, "let the model learn from the primer before it goes on");
  app.add_option("--seconds", o.seconds, "length of the new music, in seconds")->check(real_in("(0, inf)"));
  app.add_option("--num-outputs", o.num_outputs, "number of outputs")->check(integer_in("[1, 999]"));
  add_sampling_options(app, o.sampling);
  add_condition_options(app, o.target, "a model with that condition");
  app.add_option("--seed", o.seed, "seed of the first output; the others use the next seeds");
  add_audio_options(app, o.audio);
  examples::add_threads_option(app, o.threads);
  add_load_options(app, o.loading);
  app.add_flag("--json", o.as_json, "print the manifest on stdout");
  renamed(app, "--vary-share", "--vary-fraction");
  renamed(app, "--vary-step", "--vary-temperature-step");
  renamed(app, "--primer-from", "--primer-start");
  app.callback([options, from_bar] {
    options->in_bars = from_bar->count() > 0;
    run(*options);
  });
}

}  // namespace piano

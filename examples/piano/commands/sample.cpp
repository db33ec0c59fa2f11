// SPDX-License-Identifier: MIT
#include "piano/commands/sample.hpp"
#include "piano/audio/wav.hpp"
#include "piano/commands/sampling_options.hpp"
#include "piano/data/load.hpp"
#include "piano/data/primer.hpp"
#include "piano/evaluation/describe.hpp"
#include "piano/generation/generate.hpp"
#include "piano/page/data.hpp"
#include "piano/page/page.hpp"
#include "piano/run/corpus.hpp"
#include "piano/run/run_dir.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace piano {
namespace {

namespace music = rondo::music;
using nlohmann::json;

struct Options {
  std::string run_dir, primer_midi, primer_notes, mode, output_dir, key, soundfont;
  double primer_seconds = 15, primer_from = 0, primer_tempo = 120, seconds = 30, share = 0, temperature_step = 0.1,
         notes_per_second = 0;
  int num_outputs = 3;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  LoadOptions loading;
  bool wav = false, as_json = false;

  bool has_primer() const { return !primer_midi.empty() || !primer_notes.empty(); }
  std::string mode_or_default() const { return !mode.empty() ? mode : has_primer() ? "continue" : "free"; }
  std::string primer_name() const {
    return primer_midi.empty() ? primer_notes : std::filesystem::path(primer_midi).stem().string();
  }
};

Primer read(const Options& o, music::PedalMode pedal) {
  return o.primer_midi.empty() ? parse_primer_notes(o.primer_notes, o.primer_tempo)
                               : read_primer(o.primer_midi, o.primer_seconds, pedal, o.primer_from);
}

/// What each of the outputs is asked for, by mode; those of `vary` grow temperature_step one by one.
std::vector<Request> requests(const Options& o, const Config& config) {
  const std::string mode = o.mode_or_default();
  if (mode != "free" && !o.has_primer())
    throw std::runtime_error("--mode " + mode + " wants --primer-midi FILE or --primer-notes NOTES");
  if ((o.notes_per_second > 0 && !config.conditions.notes_per_second) || (!o.key.empty() && !config.conditions.key))
    throw std::runtime_error(o.run_dir + ": was trained without that condition; --notes-per-second and --key want a " +
                             "model of `piano train --condition notes-per-second,key`");
  const Primer primer = mode == "free" ? Primer{} : read(o, config.pedal);
  music::ConditionValues condition_values =
      mode == "free" ? music::ConditionValues{} : condition_values_of(primer.performance);
  if (o.notes_per_second > 0)
    condition_values.density = static_cast<std::int8_t>(music::density_bin(o.notes_per_second));
  if (!o.key.empty()) condition_values.key = static_cast<std::int8_t>(music::key_named(o.key));
  std::vector<Request> all;
  for (int i = 0; i < o.num_outputs; ++i) {
    Request request{.plan = {},
                    .sampling = o.sampling,
                    .seed = o.seed + static_cast<std::uint64_t>(i),
                    .condition_values = condition_values};
    if (mode == "free") request.plan = free_play(o.seconds);
    if (mode == "continue") request.plan = continuation(primer, o.seconds);
    if (mode == "vary") {
      request.plan = o.share > 0 ? regenerate_fraction(primer, o.share, request.seed) : regenerate_second_half(primer);
      request.sampling.temperature *= 1 + o.temperature_step * i;
    }
    all.push_back(std::move(request));
  }
  return all;
}

void run(const Options& o) {
  const std::filesystem::path soundfont = o.wav ? find_soundfont(o.soundfont) : std::filesystem::path{};
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  const auto model = run_dir.read_model(config);
  const auto asked = requests(o, config);
  const music::Corpus corpus = corpus_or_none(config, o.loading, "piano sample: memorisation is not told");
  const auto takes = generate(model, config.input_spec(), asked, opening_velocity(corpus.train));
  const Evaluator evaluator(corpus.train, corpus.valid, o.seconds);

  const std::filesystem::path folder(o.output_dir);
  std::filesystem::create_directories(folder);
  json outputs = json::array(), page_outputs = json::array();
  std::vector<music::Performance> fresh;
  for (std::size_t i = 0; i < takes.size(); ++i) {
    char file[32];
    std::snprintf(file, sizeof file, "%02zu.mid", i + 1);
    rondo::midi::write_file(folder / file,
                            rondo::midi::compose(takes[i].performance, "Rondo, seed " + std::to_string(asked[i].seed)));
    json output = describe(asked[i], takes[i], evaluator);
    output["file"] = file;
    if (o.wav) {
      const auto sound = std::filesystem::path(file).replace_extension(".wav");
      render_wav(folder / file, folder / sound, soundfont);
      output["wav"] = sound.string();
    }
    outputs.push_back(output);
    output["performance"] = page_performance(takes[i].performance, takes[i].given);
    page_outputs.push_back(std::move(output));
    fresh.push_back(takes[i].new_notes());
  }
  json manifest = {{"checkpoint", run_dir.model().string()},
                   {"mode", o.mode_or_default()},
                   {"primer", o.primer_midi.empty() ? o.primer_notes : o.primer_midi},
                   {"pedal", name(config.pedal)},
                   {"conditions",
                    {{"notes_per_second", o.notes_per_second > 0 ? json(o.notes_per_second) : json()},
                     {"key", o.key.empty() ? json() : json(o.key)}}},
                   {"sampling",
                    {{"temperature", o.sampling.temperature},
                     {"top_k", o.sampling.top_k},
                     {"top_p", o.sampling.top_p},
                     {"min_p", o.sampling.min_p}}},
                   {"held_out", evaluator.held_out()},
                   {"copy_thresholds", evaluator.copy_thresholds()},
                   {"distribution", evaluator.distribution(fresh)},
                   {"outputs", outputs}};
  rondo::replace_file(folder / "manifest.json", manifest.dump(2) + "\n");
  json page = manifest;
  page["title"] = page_title(o.mode_or_default(), o.primer_name());
  page["outputs"] = page_outputs;
  write_page(folder / "index.html", Page::samples, page);
  if (o.as_json) {
    std::cout << manifest.dump() << std::endl;
    return;
  }
  for (const auto& output : outputs)
    std::printf("%s  %zu new notes, %.0f s\n", (folder / output["file"].get<std::string>()).c_str(),
                output["notes"].get<std::size_t>(), output["seconds"].get<double>());
  std::printf("%s  to see and hear them\n", (folder / "index.html").c_str());
}

}  // namespace

void add_sample(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App& app = *piano.add_subcommand(
      "sample", "Play on from a primer, vary it, or play freely; write MIDI files and a page that plays them.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--output-dir", o.output_dir, "folder to write: 01.mid, 02.mid, ..., manifest.json, index.html")
      ->required();
  auto* midi = app.add_option("--primer-midi", o.primer_midi, "MIDI file (or ABC score) to begin with")
                   ->check(CLI::ExistingFile);
  app.add_option("--primer-seconds", o.primer_seconds, "how much of it, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--primer-start", o.primer_from, "from which second of the file on")->check(CLI::NonNegativeNumber);
  app.add_option("--primer-notes", o.primer_notes,
                 "notes to begin with, e.g. \"C4 E4 G4\", \"C3+E4:2 r G4:0.5\" (+ chord, r rest, :beats)")
      ->excludes(midi);
  app.add_option("--primer-tempo", o.primer_tempo, "quarter notes a minute of --primer-notes")
      ->check(CLI::Range(20.0, 400.0));
  app.add_option("--mode", o.mode,
                 "continue: primer, then new music; vary: keep the primer's outline and play its second half, or "
                 "--vary-fraction of it, again, at a higher temperature each time; free: from nothing (default: "
                 "continue with a primer, "
                 "else free)")
      ->check(CLI::IsMember({"continue", "vary", "free"}));
  app.add_option("--vary-fraction", o.share,
                 "share of the primer that `vary` plays anew, here and there; 0: its second half")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--vary-temperature-step", o.temperature_step,
                 "by how much each variation's temperature is higher, as a share of the first's")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", o.seconds, "length of the new music, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--num-outputs", o.num_outputs, "how many files")->check(CLI::Range(1, 999));
  app.add_option("--temperature", o.sampling.temperature, "below 1 plays safe, above 1 dares; 0 takes the most likely")
      ->check(CLI::NonNegativeNumber);
  add_filter_options(app, o.sampling);
  app.add_option("--notes-per-second", o.notes_per_second,
                 "density to ask of a model with that condition (default: the primer's)")
      ->check(CLI::PositiveNumber);
  app.add_option("--key", o.key, "key to ask of a model with that condition, e.g. 'F# minor' (default: the primer's)")
      ->check([](const std::string& text) {
        try {
          music::key_named(text);
          return std::string();
        } catch (const std::exception& e) {
          return std::string(e.what());
        }
      });
  app.add_option("--seed", o.seed, "seed of the first output; the others count on from it");
  app.add_flag("--wav", o.wav, "render each as 01.wav, ... too, by FluidSynth");
  app.add_option("--soundfont", o.soundfont, "its instruments, a .sf2 or .sf3 file (default: one that is installed)");
  add_load_options(app, o.loading);
  app.add_flag("--json", o.as_json, "print the manifest on stdout");
  app.callback([options] { run(*options); });
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/commands/sample.hpp"
#include "piano/data/corpus.hpp"
#include "piano/playing/generate.hpp"
#include "piano/training/run_dir.hpp"

#include <rondo/io/replace_file.hpp>
#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/memorisation.hpp>
#include <rondo/music/tokens.hpp>

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
  std::string run_dir, primer, mode, output_dir;
  double primer_seconds = 15, seconds = 30;
  int num_outputs = 3;
  rondo::SamplingConfig sampling;
  std::uint64_t seed = 1;
  double notes_per_second = 0;
  std::string key;
  bool as_json = false;
};

/// Seconds of music in tokens.
double seconds_of(std::span<const music::Token> tokens) {
  std::int64_t steps = 0;
  for (const music::Token token : tokens)
    if (music::kind_of(token) == music::EventKind::time_shift) steps += music::event_of(token).value;
  return static_cast<double>(steps) / music::kStepsPerSecond;
}

/// The density and key of a whole primer.
music::Told told(std::span<const music::Token> tokens) {
  std::array<double, 12> classes{};
  std::size_t notes = 0;
  for (const music::Token token : tokens)
    if (const auto [kind, value] = music::event_of(token); kind == music::EventKind::note_on)
      classes[static_cast<std::size_t>(value % 12)] += 1, ++notes;
  const double seconds = std::max(1.0, seconds_of(tokens));
  return {static_cast<std::int8_t>(music::density_bin(static_cast<double>(notes) / seconds)),
          static_cast<std::int8_t>(music::find_key(classes))};
}

/// What each of the outputs is asked for, by mode:
///   continue   the primer, then new music
///   vary       the first half of the primer, then new music as long as its second half, each output a little bolder
///   free       new music from nothing
std::vector<Request> requests(const Options& o, const std::string& mode, const Config& config) {
  Request request{.primer = {}, .seconds = o.seconds, .sampling = o.sampling, .seed = o.seed};
  if (mode != "free") {
    const auto loaded = load({o.primer}, config.pedal);
    const auto primer = opening_of(loaded.pieces[0].performance, o.primer_seconds);
    if (std::ranges::none_of(primer, [](auto token) { return music::kind_of(token) == music::EventKind::note_on; }))
      throw std::runtime_error(o.primer + ": no notes in its first " + std::to_string(o.primer_seconds) + " seconds");
    request.primer = primer;
    request.told = told(primer);
    if (mode == "vary") {
      const double whole = seconds_of(primer);
      request.primer = opening_of(loaded.pieces[0].performance, whole / 2);
      request.seconds = whole / 2;
    }
  }
  if (o.notes_per_second > 0)
    request.told.density = static_cast<std::int8_t>(music::density_bin(o.notes_per_second));
  if (!o.key.empty()) request.told.key = static_cast<std::int8_t>(music::key_named(o.key));
  std::vector<Request> all;
  for (int i = 0; i < o.num_outputs; ++i) {
    all.push_back(request);
    all.back().seed = o.seed + static_cast<std::uint64_t>(i);
    if (mode == "vary") all.back().sampling.temperature *= 1 + 0.1 * i;
  }
  return all;
}

/// The velocity a piece begins with, where there is no primer: that of the middle of the training pieces' first notes.
music::Token opening_velocity(const std::vector<music::Piece>& pieces) {
  std::vector<int> first;
  for (const auto& piece : pieces)
    if (!piece.performance.notes.empty()) first.push_back(piece.performance.notes[0].velocity);
  if (first.empty()) return music::velocity(music::velocity_bin(64));
  std::ranges::nth_element(first, first.begin() + static_cast<std::ptrdiff_t>(first.size() / 2));
  return music::velocity(music::velocity_bin(first[first.size() / 2]));
}

/// The pieces the model learned from, as far as they are still where they were.
std::vector<music::Piece> training_pieces_or_none(const Config& config) {
  try {
    return training_pieces(config);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "piano sample: memorisation is not told, the training data cannot be read: %s\n", e.what());
    return {};
  }
}

/// What an output shares with the training pieces: the longest run of notes, at the same pitch and at any, and the
/// share of its notes that stand in runs of eight or more.
json memorisation(const music::TrainingNotes& training, const music::Performance& performance) {
  const auto m = training.compare(performance);
  return {{"longest_run", m.exact.length},
          {"piece", m.exact.piece},
          {"piece_seconds", m.exact.piece_seconds},
          {"share", m.exact_share},
          {"transposed",
           {{"longest_run", m.transposed.length},
            {"piece", m.transposed.piece},
            {"semitones", m.transposed.semitones},
            {"share", m.transposed_share}}}};
}

void run(const Options& o) {
  std::string mode = o.mode;
  if (mode.empty()) mode = o.primer.empty() ? "free" : "continue";
  if (mode != "free" && o.primer.empty()) throw std::runtime_error("--mode " + mode + " wants --primer-midi FILE");
  const RunDir run_dir(o.run_dir);
  const Config config = run_dir.read_config();
  const auto model = run_dir.read_model(config);
  const auto asked = requests(o, mode, config);
  const auto learned = training_pieces_or_none(config);
  const auto takes = generate(model, config.hearing(), asked, opening_velocity(learned));

  const std::filesystem::path folder(o.output_dir);
  std::filesystem::create_directories(folder);
  const music::TrainingNotes training(learned);
  json outputs = json::array();
  for (std::size_t i = 0; i < takes.size(); ++i) {
    const Take& take = takes[i];
    const auto performance = music::decode(take.tokens);
    char file[32];
    std::snprintf(file, sizeof file, "%02zu.mid", i + 1);
    rondo::midi::write_file(folder / file,
                            rondo::midi::compose(performance, "Rondo, seed " + std::to_string(asked[i].seed)));
    const auto begun = std::span(take.tokens).first(take.primer_tokens);
    const double primer_seconds = seconds_of(begun);
    auto fresh = performance;
    std::erase_if(fresh.notes, [&](const music::Note& note) { return note.start.value < primer_seconds; });
    json output = {{"file", file},
                   {"seed", asked[i].seed},
                   {"temperature", asked[i].sampling.temperature},
                   {"notes", fresh.notes.size()},
                   {"seconds", performance.duration.value},
                   {"primer_seconds", primer_seconds},
                   {"nll_per_token", take.sampled > 0 ? json(take.nats / static_cast<double>(take.sampled)) : json()},
                   {"memorisation", nullptr}};
    if (!learned.empty()) output["memorisation"] = memorisation(training, fresh);
    outputs.push_back(std::move(output));
  }
  const json manifest = {
      {"checkpoint", run_dir.model().string()},
      {"mode", mode},
      {"primer", o.primer},
      {"sampling", {{"top_k", o.sampling.top_k}, {"top_p", o.sampling.top_p}, {"min_p", o.sampling.min_p}}},
      {"outputs", outputs}};
  rondo::replace_file(folder / "manifest.json", manifest.dump(2) + "\n");
  if (o.as_json) {
    std::cout << manifest.dump() << std::endl;
    return;
  }
  for (const auto& output : outputs)
    std::printf("%s  %zu new notes, %.0f s\n", (folder / output["file"].get<std::string>()).c_str(),
                output["notes"].get<std::size_t>(), output["seconds"].get<double>());
}

}  // namespace

void add_sample(CLI::App& piano) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App& app = *piano.add_subcommand("sample", "Play on from a primer, vary it, or play freely; write MIDI files.");
  app.option_defaults()->always_capture_default();
  app.add_option("--run-dir", o.run_dir, "folder of the training run")->required();
  app.add_option("--output-dir", o.output_dir, "folder to write: 01.mid, 02.mid, ..., manifest.json")->required();
  app.add_option("--primer-midi", o.primer, "MIDI file (or ABC score) to begin with")->check(CLI::ExistingFile);
  app.add_option("--primer-seconds", o.primer_seconds, "how much of it, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--mode", o.mode,
                 "continue: primer, then new music; vary: re-sample the primer's second half, bolder each "
                 "time; free: from nothing (default: continue with a primer, else free)")
      ->check(CLI::IsMember({"continue", "vary", "free"}));
  app.add_option("--seconds", o.seconds, "length of the new music, in seconds")->check(CLI::PositiveNumber);
  app.add_option("--num-outputs", o.num_outputs, "how many files")->check(CLI::Range(1, 99));
  app.add_option("--temperature", o.sampling.temperature, "below 1 plays safe, above 1 dares; 0 takes the likeliest")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--top-k", o.sampling.top_k, "choose among the k likeliest tokens; 0: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--top-p", o.sampling.top_p, "choose among the fewest tokens whose probabilities sum to p, in (0, 1]")
      ->check(CLI::Range(1e-9, 1.0));
  app.add_option("--min-p", o.sampling.min_p,
                 "choose among tokens at least so many times as likely as the likeliest, in [0, 1)")
      ->check(CLI::Range(0.0, 0.999999));
  app.add_option("--notes-per-second", o.notes_per_second, "density of the new music")->check(CLI::PositiveNumber);
  app.add_option("--key", o.key, "its key, e.g. 'F# minor'");
  app.add_option("--seed", o.seed, "seed of the first output; the others count on from it");
  app.add_flag("--json", o.as_json, "print the manifest on stdout");
  app.callback([options] { run(*options); });
}

}  // namespace piano

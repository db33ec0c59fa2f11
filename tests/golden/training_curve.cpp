// SPDX-License-Identifier: MIT
// Runs the piano program's trainer and writes all that is necessary to repeat the run: training_curve.py does so in
// PyTorch. Usage: training_curve OUT_DIR STEPS CLIP WEIGHTS PATH...
//
//   CLIP      largest gradient norm (clipping)
//   WEIGHTS   initial weights (safetensors), or "fresh"
//   PATH      MIDI files or folders of them
//
// It writes OUT_DIR/weights.safetensors, the initial weights, and OUT_DIR/steps.safetensors: inputs and targets
// (STEPS x T x B), resets (STEPS x B), learning_rates and losses (STEPS), with the settings as metadata.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <rondo/io/checkpoint.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/load.hpp>

#include "piano/training/trainer.hpp"

namespace {

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

template <class T>
void add_integers(rondo::Safetensors& file, const std::string& name, const char* dtype, std::vector<rondo::Index> shape,
                  const std::vector<T>& values) {
  file.tensors[name] = {dtype, std::move(shape),
                        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}

void run(const std::filesystem::path& folder, int steps, double clip, const std::string& weights,
         const std::vector<std::filesystem::path>& paths) {
  piano::Config config;
  config.model = {.vocabulary = rondo::music::vocabulary_size(config.pedal), .embedding = 256, .layers = 1};
  config.clip = clip;
  rondo::music::Corpus corpus;
  corpus.train = rondo::music::load_pieces(paths, config.pedal).pieces;

  rondo::SingleProcess alone;
  piano::Trainer<rondo::Cpu> trainer(config, corpus, nullptr, alone);
  if (weights != "fresh") rondo::load_model(weights, trainer.model());
  std::filesystem::create_directories(folder);
  rondo::save_model(folder / "weights.safetensors", trainer.model(), {});

  // The trainer's batches are private; these are the same, since they depend only on pieces and settings.
  rondo::music::Batches batches(corpus.train, piano::batch_options(config));
  std::vector<rondo::music::Token> inputs, targets;
  std::vector<std::uint8_t> resets;
  std::vector<double> rates, losses;
  for (int n = 0; n < steps; ++n) {
    const auto& batch = batches.next();
    append(inputs, batch.inputs);
    append(targets, batch.targets);
    append(resets, batch.reset);
    const auto step = trainer.step(static_cast<double>(n) / steps);
    rates.push_back(step.rate);
    losses.push_back(step.nll);
  }

  rondo::Safetensors file;
  file.metadata["config"] = config.to_json().dump();
  const rondo::Index N = steps, T = config.sequence_length, B = config.batch_size;
  add_integers(file, "inputs", "I32", {N, T, B}, inputs);
  add_integers(file, "targets", "I32", {N, T, B}, targets);
  add_integers(file, "resets", "U8", {N, B}, resets);
  file.add<double>("learning_rates", {N}, rates);
  file.add<double>("losses", {N}, losses);
  file.write(folder / "steps.safetensors");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int steps = arguments.size() >= 5 ? std::atoi(arguments[1].c_str()) : 0;
  if (steps < 1) {
    std::fprintf(stderr, "usage: training_curve OUT_DIR STEPS CLIP WEIGHTS|fresh PATH...\n");
    return 2;
  }
  run(arguments[0], steps, std::stod(arguments[2]), arguments[3], {arguments.begin() + 4, arguments.end()});
} catch (const std::exception& e) {
  std::fprintf(stderr, "training_curve: %s\n", e.what());
  return 1;
}

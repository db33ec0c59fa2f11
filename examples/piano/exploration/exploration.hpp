// SPDX-License-Identifier: MIT
// Several models, primers, temperatures and seeds, side by side. The folder of an exploration:
//
//   NAME/            the run folder of a configuration that was trained here
//   outputs/*.mid    an output for each model, primer, temperature and seed
//   outputs.jsonl    the metrics of each output, a line each
//   explore.html     a page that plays all outputs
//
// Existing models and outputs are kept, so the same command resumes an exploration that was stopped.
#pragma once

#include "piano/exploration/output_store.hpp"
#include "piano/generation/target_conditions.hpp"
#include "piano/training/run.hpp"

#include <rondo/music/dataset.hpp>
#include <rondo/sampling.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace piano {

struct ExplorationOptions {
  std::string output_dir;
  std::vector<std::string> configs;   // to train, by name
  TrainingOptions training;           // of its config only data, validation, pedal, steps, minutes and seed are used
  std::vector<std::string> run_dirs;  // to load
  std::vector<std::string> primers;   // files; empty: two validation pieces of each model
  std::vector<double> temperatures = {0.8, 1, 1.2};
  std::vector<std::uint64_t> seeds = {1, 2};
  double primer_seconds = 10, primer_start = 0, seconds = 20;
  rondo::SamplingConfig sampling;  // its temperature is ignored
  TargetConditions target;
  std::string soundfont;  // with it each output is also rendered as a WAV file
};

class Exploration {
 public:
  explicit Exploration(const ExplorationOptions& options);

  /// Trains, samples and writes all that does not exist yet. Returns false if it was stopped by Ctrl-C.
  bool run();

  /// {models, outputs, pending}.
  nlohmann::json result() const;

 private:
  struct Model {
    std::string name;
    RunDir run;
  };
  struct NamedPrimer {
    std::string name;
    std::string path;  // empty: the validation piece of that name
  };

  bool train_model(const Model& model, const std::string& config);
  bool sample(const Model& model, const InterruptGuard& interrupt);
  std::vector<NamedPrimer> primers_of(const Config& config) const;
  Primer read(const NamedPrimer& named, const Config& config, const rondo::music::Corpus& corpus) const;
  std::size_t wanted() const;  // number of outputs
  std::size_t pending() const;
  nlohmann::json models() const;
  void write_page() const;

  const ExplorationOptions& o_;
  std::filesystem::path folder_;
  std::vector<Model> models_;
  std::vector<std::string> primer_names_;
  OutputStore outputs_;
  Progress progress_;
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// Several models, primers, temperatures and seeds, side by side. A folder of an exploration:
//
//   NAME/            the run of a configuration that was trained here
//   outputs/*.mid      an output for each model, primer, temperature and seed
//   outputs.jsonl      its numbers, a line each
//   explore.html     all of it, to listen through
//
// What is there is not made again, so the same exploration goes on where it stopped.
#pragma once

#include "piano/exploration/output_store.hpp"
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
  TrainingOptions training;           // of those: of its config count data, validation, pedal, length and seed
  std::vector<std::string> run_dirs;  // to load
  std::vector<std::string> primers;   // files; none: two validation pieces of each model
  std::vector<double> temperatures = {0.8, 1, 1.2};
  std::vector<std::uint64_t> seeds = {1, 2};
  double primer_seconds = 10, seconds = 20;
  rondo::SamplingConfig sampling;  // its temperature does not count
};

class Exploration {
 public:
  explicit Exploration(const ExplorationOptions& options);

  /// Trains, samples and writes what is not there yet. False if Ctrl-C asked for a stop.
  bool run();

  /// {models, cells, pending}.
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
  std::size_t wanted() const;  // cells
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

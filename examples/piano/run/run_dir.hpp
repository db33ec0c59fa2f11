// SPDX-License-Identifier: MIT
// The folder of a training run: `train` writes it, the other commands read it.
//
//   config.json          architecture, data and settings
//   model.safetensors    the weights with the lowest validation loss
//   last.safetensors     the newest weights, and all that is needed to resume
//   metrics.jsonl        a line for each hundredth of the run and for each evaluation
//   samples/*.mid        a sample of each evaluation
//   report.html          curves and samples
//   result.json          final results; written when the run ends
#pragma once

#include "piano/run/adaptation_settings.hpp"
#include "piano/run/distribution.hpp"

#include <rondo/layers/token_model.hpp>
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/pedal.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace piano {

struct Config {
  rondo::TokenModelConfig model;
  rondo::music::PedalMode pedal = rondo::music::PedalMode::extend;
  rondo::music::Conditions conditions;
  bool grammar = true;  // whether the model's predictions are under the grammar

  std::vector<std::string> data;        // MIDI and ABC files, or folders of them
  std::vector<std::string> validation;  // names of pieces; empty: `validation_fraction` of them
  double validation_fraction = 0.1;
  rondo::music::Augmentation augmentation;

  int batch_size = 32;       // B
  int sequence_length = 64;  // T
  int windows = 64;          // consecutive sequences over which the state is carried; 0: whole pieces
  double learning_rate = 5e-3;
  double warmup = 0.02;  // fraction of the run
  double beta2 = 0.95;   // Adam's decay rate of squared gradients
  double weight_decay = 0;
  bool token_features = true;  // rondo::music::TokenFeatures
  double clip = 0.3;
  std::int64_t steps = 0;  // the run ends after these steps, or after these minutes
  double minutes = 0;
  std::uint64_t seed = 1;
  std::string from;  // folder of the run that this one was fine-tuned from; empty: none
  AdaptationSettings adaptation;
  Distribution distribution;

  /// The model's input.
  rondo::music::InputSpec input_spec() const { return {vocabulary_size(pedal), conditions, grammar}; }

  /// Sets the model's vocabulary and conditions, which follow from the other settings.
  void complete();

  nlohmann::json to_json() const;
  /// Throws std::runtime_error that names the key.
  static Config from_json(const nlohmann::json& settings);
};

/// The paths in a run folder, its config and its models.
class RunDir {
 public:
  explicit RunDir(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path config() const { return folder_ / "config.json"; }
  std::filesystem::path model() const { return folder_ / "model.safetensors"; }
  std::filesystem::path last() const { return folder_ / "last.safetensors"; }
  std::filesystem::path metrics() const { return folder_ / "metrics.jsonl"; }
  std::filesystem::path report() const { return folder_ / "report.html"; }
  std::filesystem::path result() const { return folder_ / "result.json"; }

  void write_config(const Config& config) const;

  /// Throws std::runtime_error that names the file.
  Config read_config() const;

  /// The model with the lowest validation loss, or the newest. Throws rondo::file_error.
  rondo::TokenModel<float> read_model(const Config& config) const { return read_model(config, model()); }
  rondo::TokenModel<float> read_last(const Config& config) const { return read_model(config, last()); }

 private:
  static rondo::TokenModel<float> read_model(const Config& config, const std::filesystem::path& weights);

  std::filesystem::path folder_;
};

}  // namespace piano

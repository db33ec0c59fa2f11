// SPDX-License-Identifier: MIT
// The outputs of an exploration: a MIDI file each, outputs/*.mid, and their metrics, a line each in outputs.jsonl.
// Outputs that were made with other settings stay in the folder but are ignored.
#pragma once

#include "piano/generation/generate.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace piano {

class OutputStore {
 public:
  /// Finds the outputs in `folder` that were made with these settings and whose files exist. Throws std::runtime_error
  /// if the folder is of a version with other file names.
  OutputStore(std::filesystem::path folder, nlohmann::json settings);

  bool has(const std::string& model, const std::string& primer, double temperature, std::uint64_t seed) const;

  /// Writes an output. `metrics` are those of describe(). Throws std::runtime_error if the disk is full.
  void add(const std::string& model, const std::string& primer, nlohmann::json metrics, const GeneratedPiece& piece);

  /// Renders each output that has no .wav file yet, and adds the key "wav" to all.
  void render(const std::filesystem::path& soundfont);

  const std::vector<nlohmann::json>& all() const { return outputs_; }

  /// The outputs with the key "performance", the notes that the page shows.
  nlohmann::json with_performances() const;

 private:
  std::filesystem::path folder_;
  nlohmann::json settings_;
  std::vector<nlohmann::json> outputs_;
};

}  // namespace piano

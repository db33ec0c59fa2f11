// SPDX-License-Identifier: MIT
// The outputs of an exploration: a MIDI file each, outputs/*.mid, and their numbers, a line each in outputs.jsonl. What
// was made with other settings is there, but does not count.
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
  /// Finds those in `folder` that were made with these settings, as far as their files are there.
  OutputStore(std::filesystem::path folder, nlohmann::json settings);

  bool has(const std::string& model, const std::string& primer, double temperature, std::uint64_t seed) const;

  /// Writes an output. `numbers` are those of describe(). Throws std::runtime_error if the disk is full.
  void add(const std::string& model, const std::string& primer, nlohmann::json numbers, const GeneratedPiece& take);

  const std::vector<nlohmann::json>& all() const { return outputs_; }

  /// With the performance of each, as the page has them.
  nlohmann::json with_performances() const;

 private:
  std::filesystem::path folder_;
  nlohmann::json settings_;
  std::vector<nlohmann::json> outputs_;
};

}  // namespace piano

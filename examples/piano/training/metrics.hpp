// SPDX-License-Identifier: MIT
// metrics.jsonl: the metrics of a run over time, one JSON object per line.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace piano {

/// The lines up to that step; none if the file does not exist. An incomplete line, left by a crash, is skipped.
inline nlohmann::json read_metrics(const std::filesystem::path& path,
                                   std::int64_t last_step = std::numeric_limits<std::int64_t>::max()) {
  nlohmann::json lines = nlohmann::json::array();
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_object() && parsed.value("step", std::int64_t{0}) <= last_step) lines.push_back(std::move(parsed));
  }
  return lines;
}

/// Writes metrics.jsonl. Throws at once if the disk is full.
class MetricsFile {
 public:
  /// Begins with the lines `former`: those of a run that is resumed.
  MetricsFile(const std::filesystem::path& path, const nlohmann::json& former) : path_(path), out_(path) {
    for (const auto& line : former) write(line);
  }

  void write(const nlohmann::json& line) {
    out_ << line.dump() << '\n' << std::flush;
    if (!out_) throw std::runtime_error(path_.string() + ": cannot be written");
  }

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace piano

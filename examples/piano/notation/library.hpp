// SPDX-License-Identifier: MIT
// Reads a folder of ABC files.
#pragma once

#include <rondo/midi/notes.hpp>
#include "piano/music_names.hpp"
#include "piano/notation/abc_parser.hpp"
#include "piano/notation/performance.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace piano {

struct ScorePiece {
  std::string name;  // of the file, without folder and extension
  Score score;
  midi::Performance<midi::Seconds> performance;
};

/// Every `*.abc` of a folder, in order of name, each performed with `options`. Throws std::runtime_error if there is
/// none or a file cannot be read, AbcError for an error in a file.
inline std::vector<ScorePiece> load_scores(const std::filesystem::path& folder,
                                           const PerformanceOptions& options = {}) {
  std::error_code code;
  if (!std::filesystem::is_directory(folder, code)) throw std::runtime_error(folder.string() + ": no such folder");
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".abc") paths.push_back(entry.path());
  if (paths.empty()) throw std::runtime_error(folder.string() + ": no .abc file in this folder");
  std::sort(paths.begin(), paths.end());
  std::vector<ScorePiece> pieces;
  for (const auto& path : paths) {
    Score score = read_abc(path.string());
    auto performance = perform(score, options);
    pieces.push_back({path.stem().string(), std::move(score), std::move(performance)});
  }
  return pieces;
}

}  // namespace piano

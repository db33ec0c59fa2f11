// SPDX-License-Identifier: MIT
#include "piano/run/corpus.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace piano {

namespace fs = std::filesystem;
namespace music = rondo::music;

music::Corpus corpus_of(const Config& config, const LoadOptions& options) {
  return music::split_by_name(load(config.data, config.pedal, options).pieces, config.validation);
}

music::Corpus corpus_or_none(const Config& config, const LoadOptions& options, const char* missing) {
  try {
    return corpus_of(config, options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s, the training data cannot be read: %s\n", missing, e.what());
    return {};
  }
}

music::Token opening_velocity(const std::vector<music::Piece>& pieces) {
  std::vector<int> first;
  for (const auto& piece : pieces)
    if (!piece.performance.notes.empty()) first.push_back(piece.performance.notes[0].velocity);
  if (first.empty()) return music::velocity(music::velocity_bin(64));
  const auto middle = first.begin() + static_cast<std::ptrdiff_t>(first.size() / 2);
  std::ranges::nth_element(first, middle);
  return music::velocity(music::velocity_bin(*middle));
}

std::string bundled_scores() {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);  // empty on other systems than Linux
  std::vector<fs::path> folders = {PIANO_SCORES_DIR};
  if (!program.empty()) folders.push_back(program.parent_path() / "scores");
  std::string searched;
  for (const fs::path& folder : folders) {
    if (fs::is_directory(folder, code)) return folder.string();
    searched += (searched.empty() ? "" : " or ") + folder.string();
  }
  throw std::runtime_error("--scores: no bundled scores in " + searched);
}

}  // namespace piano

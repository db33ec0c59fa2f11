// SPDX-License-Identifier: MIT
#include "piano/data/corpus.hpp"

#include <filesystem>
#include <stdexcept>

namespace piano {

namespace fs = std::filesystem;

std::vector<rondo::music::Piece> training_pieces(const Config& config, const LoadOptions& options) {
  return rondo::music::split_by_name(load(config.data, config.pedal, options).pieces, config.validation).train;
}

std::string bundled_scores() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path() / "scores";
  for (const fs::path& folder : {fs::path(PIANO_SCORES_DIR), beside})
    if (fs::is_directory(folder)) return folder.string();
  throw std::runtime_error("--scores: no bundled scores in " PIANO_SCORES_DIR " or " + beside.string());
}

}  // namespace piano

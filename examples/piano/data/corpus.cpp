// SPDX-License-Identifier: MIT
#include "piano/data/corpus.hpp"

#include <rondo/music/load.hpp>
#include <rondo/music/score/abc_parser.hpp>
#include <rondo/music/score/performance.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <stdexcept>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;

std::vector<fs::path> score_files(const fs::path& path) {
  std::vector<fs::path> found;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied))
      if (entry.path().extension() == ".abc") found.push_back(entry.path());
  } else if (path.extension() == ".abc") {
    found.push_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Pieces load(const std::vector<std::string>& paths, music::PedalMode pedal) {
  Pieces result;
  for (const std::string& path : paths) {
    const auto scores = score_files(path);
    for (const fs::path& score : scores) try {
        result.pieces.push_back(
            {score.stem().string(), music::apply_pedal(music::perform(music::read_abc(score.string())), pedal)});
      } catch (const std::exception& e) {
        result.problems.push_back(e.what());
      }
    if (fs::path(path).extension() == ".abc") continue;
    const fs::path midi(path);
    auto loaded = music::load_pieces({&midi, 1}, pedal);
    std::move(loaded.pieces.begin(), loaded.pieces.end(), std::back_inserter(result.pieces));
    std::move(loaded.problems.begin(), loaded.problems.end(), std::back_inserter(result.problems));
  }
  if (result.pieces.empty()) {
    std::string where;
    for (const std::string& path : paths) where += (where.empty() ? "" : ", ") + path;
    throw std::runtime_error(where + ": no MIDI file or ABC score with notes in it" +
                             (result.problems.empty() ? "" : "; the first problem: " + result.problems[0]));
  }
  return result;
}

std::vector<music::Piece> training_pieces(const Config& config) {
  return music::split_by_name(load(config.data, config.pedal).pieces, config.validation).train;
}

std::string bundled_scores() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path() / "scores";
  for (const fs::path& folder : {fs::path(PIANO_SCORES_DIR), beside})
    if (fs::is_directory(folder)) return folder.string();
  throw std::runtime_error("--scores: no bundled scores in " PIANO_SCORES_DIR " or " + beside.string());
}

}  // namespace piano

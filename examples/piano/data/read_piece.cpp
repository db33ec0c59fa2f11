// SPDX-License-Identifier: MIT
#include "piano/data/read_piece.hpp"
#include "piano/notation/abc_parser.hpp"
#include "piano/notation/performance.hpp"

#include <rondo/music/find_files.hpp>
#include <rondo/music/load.hpp>

#include <stdexcept>

namespace piano {
namespace {

rondo::music::Piece read_score_piece(const std::filesystem::path& path) {
  const Score score = read_abc(path.string());
  if (score.notes.empty()) throw std::runtime_error(path.string() + ": no notes in it");
  return {path.stem().string(), perform(score), bar_starts(score)};
}

}  // namespace

bool is_score_name(const std::filesystem::path& path) { return rondo::music::extension_of(path) == ".abc"; }

bool is_music_name(const std::filesystem::path& path) {
  return is_score_name(path) || rondo::music::is_midi_name(path);
}

rondo::music::Piece read_piece(const std::filesystem::path& path) {
  return is_score_name(path) ? rondo::music::read_checked(path, read_score_piece) : rondo::music::read_piece(path);
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// Pieces from MIDI files: one file, or every MIDI file below a folder. A file that cannot be read never stops the rest.
#pragma once

#include <rondo/midi/reader.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/pedal.hpp>

#include <algorithm>
#include <cctype>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace rondo::inline v0::music {

/// Reads a MIDI file as a model of that mode hears it. The drums (channel 10) are left out. Throws midi::error or
/// std::system_error if it cannot be read, std::runtime_error if it has no notes; each names the file.
inline Performance load_performance(const std::filesystem::path& path, PedalMode mode) {
  constexpr int kDrums = 9;
  auto performance = midi::extract<midi::Seconds>(midi::read_file(path).file);
  std::erase_if(performance.notes, [](const Note& note) { return note.channel == kDrums; });
  if (performance.notes.empty()) throw std::runtime_error(path.string() + ": no notes in it");
  return apply_pedal(performance, mode);
}

/// The MIDI files (.mid, .midi, .kar, .rmi, in any case) below a folder, sorted by path; a file is returned as it is,
/// whatever its name. Throws std::filesystem::filesystem_error if the path does not exist.
inline std::vector<std::filesystem::path> midi_files(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(fs::status(path))) {
    if (!fs::exists(path))
      throw fs::filesystem_error("no such file or folder", path,
                                 std::make_error_code(std::errc::no_such_file_or_directory));
    return {path};
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied)) {
    std::string extension = entry.path().extension().string();
    std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
    if (entry.is_regular_file() &&
        (extension == ".mid" || extension == ".midi" || extension == ".kar" || extension == ".rmi"))
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

struct LoadedPieces {
  std::vector<Piece> pieces;          // named by file name without extension
  std::vector<std::string> problems;  // one line for each file that was left out
};

/// All pieces in these files and folders.
inline LoadedPieces load_pieces(std::span<const std::filesystem::path> paths, PedalMode mode) {
  LoadedPieces loaded;
  for (const auto& path : paths)
    for (const auto& file : midi_files(path)) try {
        loaded.pieces.push_back({file.stem().string(), load_performance(file, mode)});
      } catch (const std::exception& error) {
        loaded.problems.push_back(error.what());
      }
  return loaded;
}

}  // namespace rondo::inline v0::music

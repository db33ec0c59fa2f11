// SPDX-License-Identifier: MIT
// Pieces from MIDI files or folders. A file that cannot be read is reported; the others are still read.
#pragma once

#include <rondo/midi/reader.hpp>
#include <rondo/music/bars.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/find_files.hpp>
#include <rondo/music/pedal.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iterator>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rondo::inline v0::music {

inline constexpr std::uintmax_t kLargestMusicFile = 8 << 20;  ///< bytes; hours of piano music take less than 1 MiB
/// Maximum number of simultaneous notes of one pitch; a few occur in files with missing note-offs.
inline constexpr std::size_t kMaxOverlappingNotes = 256;
inline constexpr std::uint8_t kDrumChannel = 9;  ///< percussion, channel 10 if counted from 1

namespace detail {

/// The pedal events that any PedalMode needs: where the pedal of a channel crosses 64, and the last event, which ends a
/// pedal that stays down. Real pedals send many values between.
inline std::vector<ControlChange> pedal_passages(std::span<const ControlChange> controls) {
  std::vector<ControlChange> kept;
  std::array<bool, 16> down{};
  const ControlChange* last = nullptr;
  bool last_kept = true;
  for (const ControlChange& change : controls) {
    if (!is_pedal(change) || change.channel == kDrumChannel) continue;
    bool& was_down = down[change.channel & 15];
    last = &change;
    last_kept = was_down != is_down(change);
    if (last_kept) kept.push_back(change);
    was_down = is_down(change);
  }
  if (!last_kept) kept.push_back(*last);
  return kept;
}

/// Maximum number of simultaneous notes of one pitch. Applying the pedal takes time proportional to its square.
inline std::size_t max_overlapping_notes(std::span<const Note> notes) {
  std::array<std::vector<midi::Seconds>, kPitches> starts, ends;
  for (const Note& note : notes) {
    starts[note.pitch & 127].push_back(note.start);
    ends[note.pitch & 127].push_back(note.end);
  }
  std::size_t most = 0;
  for (std::size_t pitch = 0; pitch < kPitches; ++pitch) {
    if (starts[pitch].size() <= most) continue;
    std::sort(starts[pitch].begin(), starts[pitch].end());
    std::sort(ends[pitch].begin(), ends[pitch].end());
    for (std::size_t struck = 0, let_go = 0; struck < starts[pitch].size(); ++struck) {
      while (ends[pitch][let_go] < starts[pitch][struck]) ++let_go;
      most = std::max(most, struck + 1 - let_go);
    }
  }
  return most;
}

}  // namespace detail

/// The piece of a parsed MIDI file, before a PedalMode is applied: the notes of all tracks and channels except
/// percussion (channel 10), and the changes of the sustain pedal. `path` names it; nothing is read from there. Throws
/// std::runtime_error that names the file if it has no notes or more than kMaxOverlappingNotes simultaneous notes of
/// one pitch.
inline Piece piece_of(const midi::File& file, const std::filesystem::path& path) {
  auto played = midi::extract<midi::Seconds>(file);
  const bool silent = played.notes.empty();
  std::erase_if(played.notes, [](const Note& note) { return note.channel == kDrumChannel; });
  if (played.notes.empty())
    throw std::runtime_error(path.string() + (silent ? ": no notes" : ": only percussion (channel 10), no notes"));
  if (const std::size_t most = detail::max_overlapping_notes(played.notes); most > kMaxOverlappingNotes)
    throw std::runtime_error(path.string() + ": " + std::to_string(most) +
                             " simultaneous notes of one pitch, more than the limit of " +
                             std::to_string(kMaxOverlappingNotes));
  return {path.stem().string(), make_performance(std::move(played.notes), detail::pedal_passages(played.controls)),
          bar_starts(file)};
}

/// Calls read(path), which returns a Piece, and checks file and piece. Throws what `read` throws, and
/// std::runtime_error that names the file if the path is not a regular file, the file is larger than kLargestMusicFile,
/// or the piece is longer than kLongestPerformance.
template <class Read>
Piece read_checked(const std::filesystem::path& path, Read&& read) {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (fs::exists(status) && !fs::is_regular_file(status)) throw std::runtime_error(path.string() + ": not a file");
  if (const std::uintmax_t size = fs::file_size(path, code); !code && size > kLargestMusicFile)
    throw std::runtime_error(path.string() + ": " + std::to_string(size) + " bytes, more than the limit of " +
                             std::to_string(kLargestMusicFile));
  try {
    Piece piece = read(path);
    if (!(piece.performance.duration.value <= kLongestPerformance))
      throw std::runtime_error(path.string() + ": lasts " + std::to_string(piece.performance.duration.value) +
                               " s, past the limit of " + std::to_string(kLongestPerformance) + " s");
    return piece;
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(path.string() + ": not enough memory to read it");
  }
}

/// Reads a MIDI file as a piece, before a PedalMode is applied. Throws midi::error, std::runtime_error or
/// std::system_error, each naming the file, if it cannot be read, or fails a check of piece_of or read_checked.
inline Piece read_piece(const std::filesystem::path& path) {
  return read_checked(path, [](const auto& file) { return piece_of(midi::read_file(file).file, file); });
}

/// Reads a MIDI file and applies a PedalMode. Throws as read_piece.
inline Performance load_performance(const std::filesystem::path& path, PedalMode mode) {
  return apply_pedal(read_piece(path).performance, mode);
}

/// Result of load_pieces.
struct LoadedPieces {
  std::vector<Piece> pieces;          ///< in the order of paths
  std::vector<std::string> problems;  ///< one line for each file that was skipped
};

/// Reads all MIDI files in these files and folders. Throws std::runtime_error if a path does not exist.
inline LoadedPieces load_pieces(std::span<const std::filesystem::path> paths, PedalMode mode) {
  LoadedPieces loaded;
  for (const auto& path : paths) {
    FoundFiles found = find_files(path, is_midi_name);
    std::move(found.problems.begin(), found.problems.end(), std::back_inserter(loaded.problems));
    for (const auto& file : found.files) try {
        Piece piece = read_piece(file);
        piece.performance = apply_pedal(piece.performance, mode);
        loaded.pieces.push_back(std::move(piece));
      } catch (const std::exception& error) {
        loaded.problems.push_back(error.what());
      }
  }
  return loaded;
}

}  // namespace rondo::inline v0::music

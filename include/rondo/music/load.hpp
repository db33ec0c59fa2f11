// SPDX-License-Identifier: MIT
// Pieces from MIDI files, one by one or all that lie below a folder. A file that cannot be read is reported; the others
// are still read.
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

inline constexpr std::uintmax_t kLargestMusicFile = 8 << 20;  ///< bytes; hours of a pianist take less than 1 MiB
inline constexpr std::size_t kMaxOverlappingNotes =
    256;                                         // notes of one pitch that sound at once; lost note-offs make a few
inline constexpr std::uint8_t kDrumChannel = 9;  ///< channel 10 in the manuals

namespace detail {

/// Of the sustain pedal what any PedalMode hears: where a channel's pedal passes the middle, and the last word of all,
/// to which a pedal that never comes up lasts. Real pedals send a stream of values between.
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

/// The most notes of one pitch that sound at once. What is heard of a pedal takes their square in time.
inline std::size_t max_overlapping_notes(std::span<const Note> notes) {
  std::array<std::vector<midi::Seconds>, kPitches> starts, ends;
  for (const Note& note : notes) {
    starts[note.pitch & 127].push_back(note.start);
    ends[note.pitch & 127].push_back(note.end);
  }
  std::size_t most = 0;
  for (std::size_t pitch = 0; pitch < kPitches; ++pitch) {
    if (starts[pitch].size() <= most) continue;
    std::ranges::sort(starts[pitch]);
    std::ranges::sort(ends[pitch]);
    for (std::size_t struck = 0, let_go = 0; struck < starts[pitch].size(); ++struck) {
      while (ends[pitch][let_go] < starts[pitch][struck]) ++let_go;
      most = std::max(most, struck + 1 - let_go);
    }
  }
  return most;
}

inline Piece read_midi_piece(const std::filesystem::path& path) {
  const midi::File file = midi::read_file(path).file;
  auto played = midi::extract<midi::Seconds>(file);
  const bool silent = played.notes.empty();
  std::erase_if(played.notes, [](const Note& note) { return note.channel == kDrumChannel; });
  if (played.notes.empty())
    throw std::runtime_error(path.string() + (silent ? ": no notes in it" : ": drums alone (channel 10), no notes"));
  if (const std::size_t most = max_overlapping_notes(played.notes); most > kMaxOverlappingNotes)
    throw std::runtime_error(path.string() + ": " + std::to_string(most) + " notes sound at once on one key, where " +
                             std::to_string(kMaxOverlappingNotes) + " are the most");
  return {path.stem().string(), make_performance(std::move(played.notes), pedal_passages(played.controls)),
          bar_starts(file)};
}

}  // namespace detail

/// Calls read(path), which returns a Piece, and checks what it returns. Throws what `read` throws, and
/// std::runtime_error, which names the file, if the path is no regular file, is larger than kLargestMusicFile, or if
/// the piece lasts longer than kLongestPerformance.
template <class Read>
Piece read_checked(const std::filesystem::path& path, Read&& read) {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (fs::exists(status) && !fs::is_regular_file(status)) throw std::runtime_error(path.string() + ": not a file");
  if (const std::uintmax_t size = fs::file_size(path, code); !code && size > kLargestMusicFile)
    throw std::runtime_error(path.string() + ": " + std::to_string(size) + " bytes, where " +
                             std::to_string(kLargestMusicFile) + " are the most");
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

/// A piece as its MIDI file has it, before a PedalMode is applied: notes of all tracks and channels but the drums
/// (channel 10), and of the controllers the sustain pedal, where it goes down or up. Throws midi::error,
/// std::runtime_error or std::system_error, each naming the file, if it cannot be read, has no notes, has more than
/// kMaxOverlappingNotes notes of one pitch at once or fails a check of read_checked.
inline Piece read_piece(const std::filesystem::path& path) { return read_checked(path, detail::read_midi_piece); }

/// The same with a PedalMode applied.
inline Performance load_performance(const std::filesystem::path& path, PedalMode mode) {
  return apply_pedal(read_piece(path).performance, mode);
}

struct LoadedPieces {
  std::vector<Piece> pieces;          ///< named by file name without extension
  std::vector<std::string> problems;  ///< one line for each file that was left out
};

/// All pieces in these files and folders. Throws std::runtime_error if a path does not exist.
inline LoadedPieces load_pieces(std::span<const std::filesystem::path> paths, PedalMode mode) {
  LoadedPieces loaded;
  for (const auto& path : paths) {
    FoundFiles found = find_files(path, is_midi_name);
    std::ranges::move(found.problems, std::back_inserter(loaded.problems));
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

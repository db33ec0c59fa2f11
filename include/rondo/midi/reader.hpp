// SPDX-License-Identifier: MIT
// Bytes to File. Many programs write files that violate the standard, so the reader is lenient: it follows the events
// rather than the counts and lengths in headers, keeps what it can parse, and lists deviations. Memory is proportional
// to the size of the file, whatever its headers claim. See docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/midi/diagnostic.hpp>
#include <rondo/midi/file.hpp>
#include <rondo/midi/track_reader.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace rondo::inline v0::midi {

/// Result of reading a file.
struct ReadResult {
  File file;                            ///< contents
  std::vector<Diagnostic> diagnostics;  ///< deviations in reading order, at most Diagnostics::kMaximum + 1
};

/// Reads a Standard MIDI File, also in an RMID wrapper. write() accepts every result. Throws midi::error if there is no
/// header or no track.
ReadResult read(std::span<const std::uint8_t> bytes);

/// Reads a file. Throws midi::error as read(), and std::system_error if the file cannot be read; both name the file.
///
/// @code
/// const auto [file, diagnostics] = rondo::midi::read_file("nocturne.mid");
/// const auto performance = rondo::midi::extract<rondo::midi::Seconds>(file);
/// @endcode
ReadResult read_file(const std::filesystem::path& path);

namespace detail {

class FileReader {
 public:
  explicit FileReader(std::span<const std::uint8_t> bytes) : bytes_(bytes), end_(bytes.size()) {}

  ReadResult read() {
    read_header(find_header());
    while (position_ < end_) read_chunk();
    check_count();
    return {std::move(file_), std::move(found_).take()};
  }

 private:
  static constexpr std::size_t kMaxTracks = 65535;  // maximum of the count in a header

  std::uint32_t big_endian(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < size; ++k) value = value << 8 | bytes_[at + k];
    return value;
  }
  std::uint32_t little_endian32(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t k = 4; k-- > 0;) value = value << 8 | bytes_[at + k];
    return value;
  }
  std::string_view text(std::size_t at, std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, size};
  }
  bool is(std::string_view id, std::size_t at) const { return at + 4 <= end_ && text(at, 4) == id; }
  /// First position of `id` in [from, otherwise); `otherwise` if there is none.
  std::size_t find(std::string_view id, std::size_t from, std::size_t otherwise) const {
    const std::size_t at = text(0, otherwise).find(id, from);
    return at == std::string_view::npos ? otherwise : at;
  }
  /// Whether a chunk may start here: a track, or a printable name with a length that fits.
  bool chunk_begins(std::size_t at) const {
    if (at + 8 > end_) return false;
    if (is("MTrk", at)) return true;
    const auto id = text(at, 4);
    return std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; }) && fits(at);
  }
  bool fits(std::size_t chunk) const { return big_endian(chunk + 4, 4) <= end_ - chunk - 8; }

  std::size_t find_header();
  void read_header(std::size_t at);
  void read_division(std::size_t at);
  void read_chunk();
  void read_track();
  void check_count();

  std::span<const std::uint8_t> bytes_;
  std::size_t end_;           // end of the MIDI data
  std::size_t position_ = 0;  // of the next chunk
  std::size_t header_ = 0;
  File file_;
  Diagnostics found_;
};

inline std::size_t FileReader::find_header() {
  if (end_ == 0) throw error("not a MIDI file: wanted 'MThd', the file is empty", 0);
  if (is("MThd", 0)) return 0;
  if (is("RIFF", 0) && is("RMID", 8)) {
    found_.add(0, -1, "RMID wrapper around the MIDI file");
    for (std::size_t at = 12; at + 8 <= end_;) {
      const std::size_t body = at + 8;
      const std::size_t size = std::min<std::size_t>(little_endian32(at + 4), end_ - body);
      if (is("data", at) && is("MThd", body)) {
        end_ = body + size;
        return body;
      }
      at = body + size + size % 2;
    }
  }
  const std::size_t at = find("MThd", 0, end_);
  if (at == end_) {
    std::string got;
    for (const char c : text(0, std::min<std::size_t>(4, end_))) got += c >= ' ' && c <= '~' ? c : '.';
    throw error("not a MIDI file: wanted 'MThd', got '" + got + "'", 0);
  }
  found_.add(0, -1, at, " bytes before the header, skipped");
  return at;
}

inline void FileReader::read_header(std::size_t at) {
  header_ = at;
  if (end_ - at < 14) {
    throw error("header cut short: wanted 14 bytes, got " + std::to_string(end_ - at), at);
  }
  const std::uint32_t length = big_endian(at + 4, 4);
  if (length != 6) found_.add(at + 4, -1, "header of length ", length, " instead of 6");
  // Later versions of the standard may have a longer header; a length that does not lead to a track is ignored.
  position_ = length > 6 && fits(at) && is("MTrk", at + 8 + length) ? at + 8 + length : at + 14;

  const std::uint32_t format = big_endian(at + 8, 2);
  if (format > 2) found_.add(at + 8, -1, "unknown format ", format, ", read as format 1");
  file_.format = format > 2 ? Format::simultaneous : static_cast<Format>(format);
  read_division(at + 12);
}

inline void FileReader::read_division(std::size_t at) {
  const std::uint32_t word = big_endian(at, 2);
  if (word < 0x8000) {
    if (word == 0) found_.add(at, -1, "division of 0 ticks per quarter note, taken as 480");
    file_.division = Division::metrical(static_cast<std::uint16_t>(word == 0 ? 480 : word));
    return;
  }
  const auto frames = static_cast<std::uint8_t>(256 - (word >> 8));  // stored as a negative number
  const auto ticks = static_cast<std::uint8_t>(word);
  if (ticks == 0) {
    found_.add(at, -1, "division of 0 ticks per SMPTE frame, taken as 480 ticks per quarter note");
    return;
  }
  if (frames != 24 && frames != 25 && frames != 29 && frames != 30) {
    found_.add(at, -1, "SMPTE division of ", frames, " frames per second instead of 24, 25, 29 or 30");
  }
  file_.division = Division::smpte(frames, ticks);
}

inline void FileReader::read_chunk() {
  if (is("MTrk", position_) && position_ + 8 <= end_) {
    if (file_.tracks.size() < kMaxTracks) return read_track();
    found_.add(position_, -1, "more than ", kMaxTracks, " tracks, the rest is left out");
    position_ = end_;
  } else if (chunk_begins(position_)) {
    found_.add(position_, -1, "unknown chunk '", text(position_, 4), "' skipped");
    position_ += 8 + big_endian(position_ + 4, 4);
  } else {
    const std::size_t next = find("MTrk", position_ + 1, end_);
    found_.add(position_, -1, next - position_, " bytes that belong to no chunk, skipped");
    position_ = next;
  }
}

inline void FileReader::read_track() {
  const std::size_t chunk = position_;
  const std::size_t body = chunk + 8;
  const std::uint32_t length = big_endian(chunk + 4, 4);
  const int index = static_cast<int>(file_.tracks.size());
  const bool fit = fits(chunk);
  if (!fit) found_.add(chunk + 4, index, "track length ", length, " where ", end_ - body, " bytes are left");
  std::size_t limit = fit ? body + length : find("MTrk", body, end_);

  Track& track = file_.tracks.emplace_back();
  track.events.reserve((limit - body) / 3);  // most events have three bytes or more
  TrackReader reader(bytes_, body, index, track, found_);
  bool ended = reader.read(limit);
  if (!ended && limit < end_ && !chunk_begins(limit)) {
    found_.add(chunk + 4, index, "track length ", length, " is too short");
    limit = find("MTrk", limit, end_);
    ended = reader.read(limit);
  }

  position_ = limit;
  const std::size_t stop = reader.position();
  if (!ended) {
    if (stop != limit) found_.add(stop, index, "event cut off by the end of the track, dropped");
    found_.add(limit, index, "track without an end-of-track event");
  } else if (stop != limit) {
    position_ = find("MTrk", stop, limit);  // the length may reach over the next track
    found_.add(stop, index, position_ - stop, " bytes after the end of the track, skipped");
  }
  // Frees memory of tracks that each claimed the rest of the file.
  if (track.events.capacity() / 8 > track.events.size()) track.events.shrink_to_fit();
}

inline void FileReader::check_count() {
  const std::size_t count = file_.tracks.size();
  if (count == 0) throw error("MIDI file without a track: wanted a chunk 'MTrk', got none", header_ + 14);
  const std::uint32_t claimed = big_endian(header_ + 10, 2);
  if (claimed != count) found_.add(header_ + 10, -1, "header counts ", claimed, " tracks, the file has ", count);
  if (file_.format == Format::single_track && count > 1) {
    found_.add(header_ + 8, -1, "format 0 with ", count, " tracks, read as format 1");
    file_.format = Format::simultaneous;
  }
}

inline std::vector<std::uint8_t> read_bytes(const std::filesystem::path& path) {
  const auto fail = [&](int code) {
    throw std::system_error(code, std::generic_category(), "cannot read " + path.string());
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.string().c_str(), "rb"), &std::fclose);
  if (!file) fail(errno);
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 65536> block;
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(got));
  }
  if (std::ferror(file.get())) fail(errno);
  return bytes;
}

}  // namespace detail

inline ReadResult read(std::span<const std::uint8_t> bytes) { return detail::FileReader(bytes).read(); }

inline ReadResult read_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = detail::read_bytes(path);
  try {
    return read(bytes);
  } catch (const error& inner) {
    throw error(path.string(), inner);
  }
}

}  // namespace rondo::inline v0::midi

// SPDX-License-Identifier: MIT
// File to bytes. Strict: a File that the format cannot express is an error.
#pragma once

#include <rondo/midi/file.hpp>
#include <rondo/midi/meta.hpp>
#include <rondo/midi/track_reader.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace rondo::inline v0::midi {

/// Options of write().
struct WriteOptions {
  bool running_status = true;  ///< omit repeated status bytes; files are about 25 % smaller
};

/// The bytes of a Standard MIDI File; read() returns an equal File. Throws std::invalid_argument that names track and
/// event if times decrease or differ by more than 2^28 - 1 ticks, a data byte is above 127, or anything else cannot be
/// expressed.
std::vector<std::uint8_t> write(const File& file, const WriteOptions& options = {});

/// Writes a file atomically: to a temporary file in the same folder, which is then renamed. Throws as write(), and
/// std::system_error if the file cannot be written.
void write_file(const std::filesystem::path& path, const File& file, const WriteOptions& options = {});

/// Writes bytes to a file atomically. Throws std::system_error if the file cannot be written.
void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

namespace detail {

class TrackWriter {
 public:
  TrackWriter(const Track& track, std::size_t index, const WriteOptions& options, std::vector<std::uint8_t>& out)
      : track_(track), index_(index), options_(options), out_(out) {}

  void write() {
    for (; event_ < track_.events.size(); ++event_) write_event(track_.events[event_]);
    write_delta(track_.end);
    out_.insert(out_.end(), {0xFF, meta::kEndOfTrack, 0});
  }

 private:
  void require(bool condition, const char* complaint) const {
    if (condition) return;
    const bool at_end = event_ == track_.events.size();
    throw std::invalid_argument("midi::write: track " + std::to_string(index_) + ", " +
                                (at_end ? "end" : "event " + std::to_string(event_)) + ": " + complaint);
  }

  void write_quantity(std::uint32_t value) {
    for (int shift = 21; shift > 0; shift -= 7) {
      if (value >> shift != 0) out_.push_back(static_cast<std::uint8_t>(0x80 | (value >> shift & 0x7F)));
    }
    out_.push_back(static_cast<std::uint8_t>(value & 0x7F));
  }

  void write_delta(Ticks time) {
    const Ticks delta = time - now_;
    require(delta >= Ticks{0}, "time goes backwards");
    require(delta <= Ticks{kMaxDelta}, "more than 268435455 ticks after the one before");
    write_quantity(static_cast<std::uint32_t>(delta.value));
    now_ = time;
  }

  void write_event(const Event& event) {
    write_delta(event.time);
    if (event.is_channel()) {
      require(event.status >= 0x80, "status below 128");
      require(event.data1 < 0x80 && event.data2 < 0x80, "data byte beyond 127");
      if (event.status != running_ || !options_.running_status) out_.push_back(event.status);
      running_ = event.status;
      out_.push_back(event.data1);
      if (data_bytes(event.status) == 2) {
        out_.push_back(event.data2);
      } else {
        require(event.data2 == 0, "second data byte in a message that has one");
      }
      return;
    }
    running_ = 0;
    out_.push_back(event.status);
    if (event.kind() == Kind::meta) {
      require(event.data1 != meta::kEndOfTrack, "end-of-track among the events (it is Track::end)");
      out_.push_back(event.data1);
    } else {
      require(event.kind() == Kind::sysex || event.kind() == Kind::escape, "system message that files do not hold");
      require(event.data1 == 0, "data byte in a system-exclusive event");
    }
    require(event.data2 == 0, "data byte in a meta or system-exclusive event");
    const auto payload = track_.payload(event);
    require(payload.size() <= kMaxDelta, "payload longer than 268435455 bytes");
    write_quantity(static_cast<std::uint32_t>(payload.size()));
    out_.insert(out_.end(), payload.begin(), payload.end());
  }

  const Track& track_;
  std::size_t index_;
  const WriteOptions& options_;
  std::vector<std::uint8_t>& out_;
  std::size_t event_ = 0;
  Ticks now_{};
  std::uint8_t running_ = 0;
};

inline void put_big_endian(std::vector<std::uint8_t>& out, std::size_t at, std::uint32_t value, int size) {
  for (int k = 0; k < size; ++k)
    out[at + static_cast<std::size_t>(k)] = static_cast<std::uint8_t>(value >> 8 * (size - 1 - k));
}

inline std::uint32_t division_word(const Division& division) {
  if (!division.is_smpte()) {
    if (division.ticks_per_quarter == 0 || division.ticks_per_quarter > 0x7FFF) {
      throw std::invalid_argument("midi::write: " + std::to_string(division.ticks_per_quarter) +
                                  " ticks per quarter note, wanted 1..32767");
    }
    return division.ticks_per_quarter;
  }
  if (division.frames_per_second > 128 || division.ticks_per_frame == 0 || division.ticks_per_quarter != 0) {
    throw std::invalid_argument("midi::write: SMPTE division out of range (1..128 frames, 1..255 ticks per frame)");
  }
  return static_cast<std::uint32_t>(256 - division.frames_per_second) << 8 | division.ticks_per_frame;
}

}  // namespace detail

inline std::vector<std::uint8_t> write(const File& file, const WriteOptions& options) {
  const std::size_t count = file.tracks.size();
  if (count == 0 || count > 65535 || (file.format == Format::single_track && count != 1)) {
    throw std::invalid_argument("midi::write: " + std::to_string(count) + " tracks, wanted " +
                                (file.format == Format::single_track ? "1 in format 0" : "1..65535"));
  }
  std::vector<std::uint8_t> out{'M', 'T', 'h', 'd', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0};
  detail::put_big_endian(out, 8, static_cast<std::uint32_t>(file.format), 2);
  detail::put_big_endian(out, 10, static_cast<std::uint32_t>(count), 2);
  detail::put_big_endian(out, 12, detail::division_word(file.division), 2);
  for (std::size_t k = 0; k < count; ++k) {
    out.insert(out.end(), {'M', 'T', 'r', 'k', 0, 0, 0, 0});
    const std::size_t body = out.size();
    detail::TrackWriter(file.tracks[k], k, options, out).write();
    const std::size_t length = out.size() - body;
    if (length > 0xFFFF'FFFF) throw std::invalid_argument("midi::write: track " + std::to_string(k) + " exceeds 4 GiB");
    detail::put_big_endian(out, body - 4, static_cast<std::uint32_t>(length), 4);
  }
  return out;
}

inline void write_bytes(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  const std::filesystem::path partial = path.string() + ".partial";
  const auto fail = [&](int code) {
    std::remove(partial.string().c_str());
    throw std::system_error(code, std::generic_category(), "cannot write " + path.string());
  };
  std::FILE* const out = std::fopen(partial.string().c_str(), "wb");
  if (out == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
  }
  int code = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size()) code = errno;
  if (std::fclose(out) != 0 && code == 0) code = errno;  // a full disk may be noticed only here
  if (code != 0) fail(code);
  std::error_code renamed;
  std::filesystem::rename(partial, path, renamed);
  if (renamed) fail(renamed.value());
}

inline void write_file(const std::filesystem::path& path, const File& file, const WriteOptions& options) {
  write_bytes(path, write(file, options));
}

}  // namespace rondo::inline v0::midi

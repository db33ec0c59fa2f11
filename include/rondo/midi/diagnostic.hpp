// SPDX-License-Identifier: MIT
// Messages of the MIDI reader: a Diagnostic for each deviation from the standard that it tolerates, an error for a file
// that it cannot read. Both have a byte offset.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rondo::inline v0::midi {

/// One deviation from the standard, and how the reader handled it.
struct Diagnostic {
  std::size_t offset = 0;  ///< of the byte in the file, 0-based
  int track = -1;          ///< 0-based index of the track; -1 outside of tracks
  std::string message;     ///< one line

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// A file that cannot be read. what() is one line with the expected and the actual content and the byte offset.
class error : public std::runtime_error {
 public:
  /// `offset`: of the byte in the file, 0-based; appended to the message.
  error(const std::string& message, std::size_t offset)
      : std::runtime_error(message + " at byte offset " + std::to_string(offset)), offset_(offset) {}

  /// The same error with the name of the file prepended.
  error(const std::string& path, const error& inner)
      : std::runtime_error(path + ": " + inner.what()), offset_(inner.offset_) {}

  std::size_t offset() const noexcept { return offset_; }  ///< of the byte in the file, 0-based

 private:
  std::size_t offset_;
};

/// Collects diagnostics up to a limit, which bounds the memory for a file of random bytes.
class Diagnostics {
 public:
  static constexpr std::size_t kMaximum = 100;  ///< listed per file; more are only counted

  /// Adds a diagnostic. Parts are strings and integers, joined only if the diagnostic is listed.
  template <class... Parts>
  void add(std::size_t offset, int track, const Parts&... parts) {
    if (listed_.size() == kMaximum) {
      if (unlisted_++ == 0) first_unlisted_ = offset;
      return;
    }
    std::string message;
    (append(message, parts), ...);
    listed_.push_back({offset, track, std::move(message)});
  }

  /// Returns the list. If some were not listed, a last entry has their number.
  std::vector<Diagnostic> take() && {
    if (unlisted_ != 0) {
      listed_.push_back(
          {first_unlisted_, -1, std::to_string(unlisted_) + " further diagnostics from here on are not listed"});
    }
    return std::move(listed_);
  }

 private:
  template <class Part>
  static void append(std::string& out, const Part& part) {
    if constexpr (std::is_integral_v<Part>) {
      out += std::to_string(part);
    } else {
      out += std::string_view(part);
    }
  }

  std::vector<Diagnostic> listed_;
  std::size_t unlisted_ = 0;
  std::size_t first_unlisted_ = 0;
};

}  // namespace rondo::inline v0::midi

// SPDX-License-Identifier: MIT
// What reading a folder's files gave, kept for the next time: for each file its ParsedPiece, or the line
// that says what is wrong with it. It is a copy and nothing more: what does not fit, is damaged or is not
// ours counts as absent, and one that cannot be written is none.
#pragma once

#include "piano/data/parsed_piece.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace piano {

/// The folder where caches are: $XDG_CACHE_HOME/rondo, else ~/.cache/rondo; empty where neither is known.
std::filesystem::path cache_folder();

/// What tells one state of a file from the next.
struct FileStamp {
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // in the file system's own unit
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// The stamp of a file that has not been touched in the last tenth of a second; none for one that has, as the file
/// system's clock might not tell the next change from this state.
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

/// One file of the cache: the readings of all music below one folder.
class Cache {
 public:
  /// Looks into folder/NAME, where NAME follows from `home`, the canonical path of the folder of music.
  Cache(const std::filesystem::path& folder, const std::filesystem::path& home);

  /// The entry of a file, if it is there and has that stamp. It is checked by decode(), which many threads may call.
  std::optional<std::string_view> find(const std::string& path, const FileStamp& stamp) const;

  static std::string encode(const std::string& path, const FileStamp& stamp, const ParsedPiece& reading);
  /// None if the entry is damaged. The piece has no name: that is its path's.
  static std::optional<ParsedPiece> decode(std::string_view entry);

  /// Replaces the file by these entries, found or encoded; with `keep_others` also by those of other files that were
  /// there. Says nothing if that fails.
  void write(const std::vector<std::string_view>& entries, bool keep_others) const;

 private:
  std::filesystem::path path_;
  std::string header_;
  std::unique_ptr<char[]> bytes_;
  std::map<std::string, std::string_view, std::less<>> entries_;  // in bytes_, by the path of their file
};

}  // namespace piano

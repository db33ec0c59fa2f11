// SPDX-License-Identifier: MIT
// The cache of parsed files: for each file below a folder its ParsedPiece, or the error message. A cache that has
// another format, is damaged or belongs to another folder is ignored; a failure to write it is ignored, too.
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

/// The folder of the caches: $XDG_CACHE_HOME/rondo, else ~/.cache/rondo; empty if neither variable is set.
std::filesystem::path cache_folder();

/// Size and modification time of a file.
struct FileStamp {
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // in the file system's own unit
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// The stamp of a file that was not modified in the last tenth of a second. None for others: because of the resolution
/// of the file system's clock, the next change might have the same stamp.
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

/// One file of the cache: the parsed pieces of all music files below one folder.
class Cache {
 public:
  /// Reads folder/NAME, where NAME is derived from `home`, the canonical path of the folder of music.
  Cache(const std::filesystem::path& folder, const std::filesystem::path& home);

  /// The entry of a file, if it exists with that stamp. decode(), which is thread-safe, checks it.
  std::optional<std::string_view> find(const std::string& path, const FileStamp& stamp) const;

  static std::string encode(const std::string& path, const FileStamp& stamp, const ParsedPiece& parsed);
  /// None if the entry is damaged. The piece has no name; it comes from the path.
  static std::optional<ParsedPiece> decode(std::string_view entry);

  /// Replaces the file by these entries, found or encoded; `keep_others` also keeps the former entries of other files.
  /// Failures are ignored.
  void write(const std::vector<std::string_view>& entries, bool keep_others) const;

 private:
  std::filesystem::path path_;
  std::string header_;
  std::unique_ptr<char[]> bytes_;
  std::map<std::string, std::string_view, std::less<>> entries_;  // in bytes_, by the path of their file
};

}  // namespace piano

// SPDX-License-Identifier: MIT
// The files of a folder that hold music. Folders of music grow by hand over years: there are links in circles, links to
// nothing, folders of somebody else's. None of that stops a search; what cannot be looked into is told.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace rondo::inline v0::music {

struct FoundMusic {
  std::vector<std::filesystem::path> files;  // in order of path
  std::vector<std::string> problems;         // one line for each folder or link that leads nowhere
};

/// The extension in lower case.
inline std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension;
}

inline bool is_score_name(const std::filesystem::path& path) { return extension_of(path) == ".abc"; }

inline bool is_music_name(const std::filesystem::path& path) {
  const std::string extension = extension_of(path);
  return extension == ".mid" || extension == ".midi" || extension == ".kar" || extension == ".rmi" ||
         extension == ".abc";
}

namespace detail {

class MusicSearch {
 public:
  FoundMusic operator()(const std::filesystem::path& root) {
    see_above(root);
    folders_.push_back(root);
    // Links to folders wait, so that a folder is found by its own path rather than by a link's.
    while (!folders_.empty() || !linked_folders_.empty()) {
      if (folders_.empty()) folders_.push_back(linked_folders_.extract(linked_folders_.begin()).value());
      const std::filesystem::path folder = std::move(folders_.back());
      folders_.pop_back();
      search(folder);
    }
    std::ranges::sort(found_.files);
    std::ranges::sort(found_.problems);
    return std::move(found_);
  }

 private:
  /// A link upwards would make everything around the folder a part of it.
  void see_above(const std::filesystem::path& root) {
    std::error_code code;
    const auto real = std::filesystem::canonical(root, code);
    for (auto above = real; above.has_relative_path(); seen_.insert(above)) above = above.parent_path();
  }

  void search(const std::filesystem::path& folder) {
    namespace fs = std::filesystem;
    std::error_code code;
    const fs::path real = fs::canonical(folder, code);
    if (!code && !seen_.insert(real).second) return;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
      std::error_code unknown;
      const fs::file_status status = entry->status(unknown);
      if (fs::is_directory(status) && entry->is_symlink(unknown))
        linked_folders_.insert(entry->path());
      else if (fs::is_directory(status))
        folders_.push_back(entry->path());
      else if (!is_music_name(entry->path()))
        continue;
      else if (fs::is_regular_file(status))
        found_.files.push_back(entry->path());
      else
        found_.problems.push_back(entry->path().string() + ": " +
                                  (fs::exists(status) ? "not a file that can be read twice" : "a link to nothing"));
    }
    if (code) found_.problems.push_back(folder.string() + ": cannot be searched: " + code.message());
  }

  FoundMusic found_;
  std::vector<std::filesystem::path> folders_;
  std::set<std::filesystem::path> linked_folders_, seen_;
};

}  // namespace detail

/// The music files below a folder, to the bottom and through links, each folder once: by extension MIDI (.mid, .midi,
/// .kar, .rmi) and ABC (.abc), in any case. A file is returned as it is, whatever its name. Throws
/// std::filesystem::filesystem_error if the path does not exist.
inline FoundMusic find_music(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::is_directory(fs::status(path))) return detail::MusicSearch()(path);
  if (!fs::exists(path))
    throw fs::filesystem_error("no such file or folder", path,
                               std::make_error_code(std::errc::no_such_file_or_directory));
  return {{path}, {}};
}

}  // namespace rondo::inline v0::music

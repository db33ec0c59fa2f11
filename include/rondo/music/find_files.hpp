// SPDX-License-Identifier: MIT
// Recursive search of a folder for files that a predicate accepts, e.g. MIDI files. Cyclic links, broken links and
// folders without read permission do not stop a search; they are reported.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace rondo::inline v0::music {

/// Result of a search.
struct FoundFiles {
  std::vector<std::filesystem::path> files;  ///< in order of path
  std::vector<std::string> problems;         ///< one line for each unreadable folder or broken link
};

/// Extension in lower case, with its dot.
inline std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

/// Whether the extension is that of a MIDI file: .mid, .midi, .kar or .rmi, in any case.
inline bool is_midi_name(const std::filesystem::path& path) {
  const std::string extension = extension_of(path);
  return extension == ".mid" || extension == ".midi" || extension == ".kar" || extension == ".rmi";
}

namespace detail {

template <class Accept>
class FileSearch {
 public:
  explicit FileSearch(Accept accept) : accept_(accept) {}

  FoundFiles operator()(const std::filesystem::path& root) {
    see_above(root);
    folders_.push_back(root);
    // Links to folders are followed last, so that a folder is found by its own path rather than by that of a link.
    while (!folders_.empty() || !linked_folders_.empty()) {
      if (folders_.empty()) folders_.push_back(linked_folders_.extract(linked_folders_.begin()).value());
      const std::filesystem::path folder = std::move(folders_.back());
      folders_.pop_back();
      search(folder);
    }
    std::sort(found_.files.begin(), found_.files.end());
    std::sort(found_.problems.begin(), found_.problems.end());
    return std::move(found_);
  }

 private:
  /// A link to a parent folder would include everything around the folder.
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
      else if (!accept_(entry->path()))
        continue;
      else if (fs::is_regular_file(status))
        found_.files.push_back(entry->path());
      else
        found_.problems.push_back(entry->path().string() + ": " +
                                  (fs::exists(status) ? "not a regular file" : "a broken link"));
    }
    if (code) found_.problems.push_back(folder.string() + ": cannot be searched: " + code.message());
  }

  Accept accept_;
  FoundFiles found_;
  std::vector<std::filesystem::path> folders_;
  std::set<std::filesystem::path> linked_folders_, seen_;
};

}  // namespace detail

/// The files below a folder, recursively and through links, for which accept(path) is true; each folder is searched
/// once. A path to a file is returned as it is, whatever its name. Throws std::runtime_error if the path does not
/// exist.
template <class Accept>
FoundFiles find_files(const std::filesystem::path& path, Accept accept) {
  namespace fs = std::filesystem;
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (fs::is_directory(status)) return detail::FileSearch<Accept>(accept)(path);
  if (!fs::exists(status)) throw std::runtime_error(path.string() + ": no such file or folder");
  return {{path}, {}};
}

}  // namespace rondo::inline v0::music

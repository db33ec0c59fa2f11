// SPDX-License-Identifier: MIT
// Files and folders, with messages for users: those of std::filesystem are for programmers.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace piano {

/// Creates `folder` and its parents, if they are not there yet. Throws std::runtime_error: "cannot create the folder X:
/// reason".
inline void create_folder(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (!code && !std::filesystem::is_directory(folder, code)) code = std::make_error_code(std::errc::not_a_directory);
  if (code) throw std::runtime_error("cannot create the folder " + folder.string() + ": " + code.message());
}

/// Whether there is such a file or folder; false if that cannot be determined.
inline bool path_exists(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

/// Removes a file, if it exists. Throws std::runtime_error: "cannot remove X: reason".
inline void remove_file(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::remove(path, code);
  if (code) throw std::runtime_error("cannot remove " + path.string() + ": " + code.message());
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// Writing a file so that nothing is lost: the bytes go to a temporary beside it, which takes its name only once they
// are all on disk. A full disk or a crash leaves the former file whole.
#pragma once

#include <rondo/core/error.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// std::fopen(path, "wb"). On Windows a path has wide characters.
inline std::FILE* open_to_write(const std::filesystem::path& path) {
#if defined(_WIN32)
  return ::_wfopen(path.c_str(), L"wb");
#else
  return std::fopen(path.c_str(), "wb");
#endif
}

}  // namespace detail

/// Replaces `path` by the parts, one behind the other. Throws file_error, naming the file and the reason.
inline void replace_file(const std::filesystem::path& path, std::span<const std::string_view> parts) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  const auto fail = [&](const char* what, const std::string& why) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw file_error(path.string() + ": " + what + ": " + why);
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(detail::open_to_write(temporary), &std::fclose);
  if (!file) fail("cannot be written", std::strerror(errno));
  for (std::string_view part : parts)
    if (std::fwrite(part.data(), 1, part.size(), file.get()) != part.size())
      fail("writing failed", std::strerror(errno));
  if (std::fflush(file.get()) != 0) fail("writing failed", std::strerror(errno));
  if (std::fclose(file.release()) != 0) fail("writing failed", std::strerror(errno));
  std::error_code renamed;
  std::filesystem::rename(temporary, path, renamed);
  if (renamed) fail("cannot be replaced", renamed.message());
}

inline void replace_file(const std::filesystem::path& path, std::string_view bytes) {
  replace_file(path, std::span(&bytes, 1));
}

}  // namespace rondo::inline RONDO_ABI

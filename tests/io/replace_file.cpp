// SPDX-License-Identifier: MIT
#include <rondo/io/replace_file.hpp>

#include "support/catch.hpp"
#include "support/small_disk.hpp"
#include "temporary.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("replace_file: concatenates the parts and replaces the file") {
  const TemporaryFolder folder;
  write_bytes(folder / "f", "the former content, which is longer");
  const std::vector<std::string_view> parts{"one, ", "", "two"};
  replace_file(folder / "f", parts);
  CHECK(read_bytes(folder / "f") == "one, two");
  replace_file(folder / "f", std::string_view("a\0b", 3));
  CHECK(read_bytes(folder / "f") == std::string("a\0b", 3));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"f"});
}

#if !defined(_WIN32)
TEST_CASE("replace_file: a full disk leaves the previous file intact and no other files") {
  const TemporaryFolder folder;
  write_bytes(folder / "f", "former");
  // Less than a stdio buffer fails when flushed, more fails when written.
  const std::string content(GENERATE(std::size_t{100}, std::size_t{1} << 20), 'x');
  std::string message;
  {
    const SmallDisk disk(64);
    message = error_message_of<file_error>([&] { replace_file(folder / "f", content); });
  }
  CHECK(message.find("f: writing failed: ") != message.npos);
  CHECK(read_bytes(folder / "f") == "former");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"f"});
}
#endif

TEST_CASE("replace_file: the path is a folder") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "f/g");
  const auto message = error_message_of<file_error>([&] { replace_file(folder / "f", "x"); });
  CHECK(message.find("f: cannot be replaced: ") != message.npos);
  CHECK(std::filesystem::is_directory(folder / "f/g"));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"f"});
}

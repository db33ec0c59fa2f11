// SPDX-License-Identifier: MIT
// Damaged ONNX files, and the corpus of the fuzz program.
#include <rondo/io/formats/onnx.hpp>

#include <filesystem>
#include <string>
#include <string_view>

#include "io/damage.hpp"
#include "io/temporary.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo_test;

namespace {

ModelDescription parse(std::string_view bytes) { return read_onnx(bytes); }

/// Calls f(path) for each file of the corpus; returns the number of files.
template <class F>
int for_each_corpus_file(F&& f) {
  int files = 0;
  const auto folder = std::filesystem::path(RONDO_SOURCE_DIR) / "tests/fuzz/corpus/onnx";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path());
    f(entry.path());
    ++files;
  }
  return files;
}

}  // namespace

TEST_CASE("damaged ONNX files: refused in one line, or the model runs") {
  int samples = 0;
  for_each_corpus_file([&](const std::filesystem::path& path) {
    if (path.extension() != ".onnx") return;  // the fuzz program's names have no ending
    // Bytes of protobuf: tags of nodes, initializers, names, and lengths that are too large.
    const std::string_view characters("\x0a\x12\x1a\x22\x2a\x32\x38\x3a\x08\x10\x01\x04\x7f\x80\xff\x00", 16);
    check_damaged_files(read_bytes(path), characters, std::string_view("\x0a\x12\xff\x80\x00", 5), parse);
    ++samples;
  });
  CHECK(samples >= 5);
}

TEST_CASE("damaged ONNX files: nothing is reserved because of a length") {
  // A graph and a node of 40 MB, with a name, a field that ONNX does not have, or constants of 30 MB; 40 bytes exist.
  const std::string graph("\x3a\x80\xe8\x89\x13", 5), node("\x0a\x80\xb4\x89\x13", 5);
  for_each_corpus_file([&](const std::filesystem::path& path) {  // protobuf's own tables are made by the first file
    if (path.extension() == ".onnx") REQUIRE_NOTHROW(read_and_run(read_bytes(path), parse));
  });
  for (const char* field : {"\x1a", "\x7a", "\x0a"}) {
    const std::string bytes = graph + node + field + std::string("\x80\x87\xa7\x0e", 4) + std::string(26, 'x');
    const std::size_t before = allocated_bytes();
    CHECK(error_message_of<file_error>([&] { read_onnx(bytes); }).find("damaged") != std::string::npos);
    CHECK(allocated_bytes() - before < 10000);
  }
}

TEST_CASE("damaged ONNX files: the corpus of the fuzz program") {
  const int files = for_each_corpus_file(
      [](const std::filesystem::path& path) { REQUIRE_NOTHROW(read_and_run(read_bytes(path), parse)); });
  CHECK(files > 100);
}

// SPDX-License-Identifier: MIT
// Files of other programs, valid and invalid. They are not part of the project: without them these tests are skipped.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include "support/catch.hpp"

using namespace rondo::midi;

namespace {

std::vector<std::filesystem::path> midi_files(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path root = std::filesystem::path(RONDO_TEST_DATA) / folder;
  if (!std::filesystem::exists(root)) {
    WARN("skipped: " << root << " is absent");
    return files;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".mid") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE_FALSE(files.empty());
  return files;
}

}  // namespace

TEST_CASE("real performances are read without diagnostics and written back unchanged") {
  // Note-ons as counted by another program (mido).
  const std::map<std::string, std::size_t> counts{
      {"Maestro_1", 2367},  {"Maestro_2", 12418}, {"Maestro_3", 3142},  {"Maestro_4", 5551}, {"Maestro_5", 14226},
      {"Maestro_6", 18362}, {"Maestro_7", 20450}, {"Maestro_8", 11586}, {"Maestro_9", 8476}, {"Maestro_10", 5323}};
  for (const auto& path : midi_files("maestro10")) {
    INFO(path);
    const ReadResult r = read_file(path);
    CHECK(r.diagnostics.empty());
    CHECK(read(write(r.file)).file == r.file);
    CHECK(read(write(r.file, {.running_status = false})).file == r.file);
    const auto p = extract<Ticks>(r.file);
    CHECK(p.notes.size() == counts.at(path.stem().string()));
    CHECK(p.hanging_notes == 0);
    CHECK(p.orphan_note_offs == 0);
    CHECK(extract<Seconds>(r.file).notes.size() == p.notes.size());
  }
}

TEST_CASE("unusual files give notes or one error") {
  std::size_t errors = 0;
  const auto files = midi_files("odd-midi");
  for (const auto& path : files) {
    INFO(path);
    try {
      const ReadResult r = read_file(path);
      CHECK_FALSE(r.file.tracks.empty());
      const auto p = extract<Seconds>(r.file);
      CHECK(std::all_of(p.notes.begin(), p.notes.end(),
                        [](const auto& n) { return n.start <= n.end && n.pitch < 128 && n.velocity < 128; }));
      CHECK(read(write(r.file)).file == r.file);
      const bool synthetic = path.parent_path().filename() == "synthetic";
      const bool faulty = !synthetic || path.stem().string().find("illegal") != std::string::npos;
      if (faulty) CHECK_FALSE(r.diagnostics.empty());
      if (!synthetic) CHECK_FALSE(p.notes.empty());
    } catch (const error& e) {
      ++errors;
      CHECK(std::string(e.what()).find("not a MIDI file: wanted 'MThd'") != std::string::npos);
    }
  }
  if (!files.empty()) CHECK(errors == 11);  // web pages, archives, sound files: without a MIDI header
}

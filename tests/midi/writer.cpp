// SPDX-License-Identifier: MIT
#include <filesystem>
#include <random>
#include <string>
#include <system_error>

#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>

#include "bytes.hpp"
#include "support/catch.hpp"
#include "support/small_disk.hpp"

using namespace bytes;
using namespace rondo::midi;

namespace {

File file_of(const std::vector<Event>& events) {
  File file{Format::single_track, Division::metrical(96), std::vector<Track>(1)};
  for (const Event& event : events) file.tracks[0].add(event);
  return file;
}

std::string refusal(const File& file) {
  try {
    write(file);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "no refusal";
}

/// A temporary folder, deleted with its files.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("rondo-writer-" + std::to_string(std::random_device()()));
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directory(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
  }
};

}  // namespace

TEST_CASE("the bytes of a small file") {
  File file =
      file_of({note_on({0}, 0, 60, 64), note_on({96}, 0, 60, 0), channel_event({96}, Kind::program_change, 3, 7)});
  file.tracks[0].add_text({96}, 0x03, "ab");
  file.tracks[0].add(note_on({96}, 0, 62, 1));
  file.tracks[0].end = {96 + 200};
  CHECK(write(file) == join({header(0, 1), track({0,    0x90, 60,   64,              //
                                                  0x60, 60,   0,                     //
                                                  0,    0xC3, 7,                     //
                                                  0,    0xFF, 3,    2,    'a', 'b',  //
                                                  0,    0x90, 62,   1,               //
                                                  0x81, 0x48, 0xFF, 0x2F, 0})}));
  CHECK(write(file, {.running_status = false}) == join({header(0, 1), track({0,    0x90, 60,   64,              //
                                                                             0x60, 0x90, 60,   0,               //
                                                                             0,    0xC3, 7,                     //
                                                                             0,    0xFF, 3,    2,    'a', 'b',  //
                                                                             0,    0x90, 62,   1,               //
                                                                             0x81, 0x48, 0xFF, 0x2F, 0})}));
}

TEST_CASE("running status ends at meta and system-exclusive events") {
  File file = file_of({note_on({0}, 0, 60, 64)});
  file.tracks[0].add_sysex({0}, Kind::sysex, Bytes{1, 0xF7});
  file.tracks[0].add(note_on({0}, 0, 61, 64));
  file.tracks[0].add_meta({0}, 0x06, {});
  file.tracks[0].add(note_on({0}, 0, 62, 64));
  const ReadResult r = read(write(file));
  CHECK(r.diagnostics.empty());
  CHECK(r.file == file);
}

TEST_CASE("deltas of one to four bytes") {
  File file = file_of({});
  Ticks now{};
  for (const std::int64_t delta : {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455}) {
    file.tracks[0].add(note_on(now += Ticks{delta}, 0, 60, 1));
  }
  const ReadResult r = read(write(file));
  CHECK(r.diagnostics.empty());
  CHECK(r.file == file);
}

TEST_CASE("divisions and formats are preserved") {
  for (const Division d :
       {Division::metrical(1), Division::metrical(32767), Division::smpte(29, 80), Division::smpte(25, 40)}) {
    for (const Format f : {Format::single_track, Format::simultaneous, Format::sequential}) {
      const File file{f, d, std::vector<Track>(f == Format::single_track ? 1 : 3)};
      const ReadResult r = read(write(file));
      CHECK(r.file == file);
      CHECK(r.diagnostics.empty());
    }
  }
}

TEST_CASE("values out of range are an error") {
  CHECK(refusal(file_of({note_on({5}, 0, 60, 1), note_on({4}, 0, 60, 1)})) ==
        "midi::write: track 0, event 1: time goes backwards");
  CHECK(refusal(file_of({note_on({268435456}, 0, 60, 1)})).find("event 0: more than 268435455") != std::string::npos);
  CHECK(refusal(file_of({note_on({0}, 0, 128, 1)})).find("data byte beyond 127") != std::string::npos);
  CHECK(refusal(file_of({note_on({0}, 0, 60, 200)})).find("data byte beyond 127") != std::string::npos);
  CHECK(refusal(file_of({channel_event({0}, Kind::program_change, 0, 1, 1)})).find("second data byte") !=
        std::string::npos);
  CHECK(refusal(file_of({{{0}, 0x12, 1, 1, 0}})).find("status below 128") != std::string::npos);
  CHECK(refusal(file_of({{{0}, 0xF8, 0, 0, 0}})).find("system message") != std::string::npos);

  File file = file_of({note_on({10}, 0, 60, 1)});
  file.tracks[0].end = {9};
  CHECK(refusal(file) == "midi::write: track 0, end: time goes backwards");
  file.tracks[0].end = {10};
  file.tracks[0].add_meta({10}, 0x2F, {});
  CHECK(refusal(file).find("end-of-track among the events") != std::string::npos);

  CHECK(refusal({Format::single_track, {}, std::vector<Track>(2)}).find("2 tracks, wanted 1") != std::string::npos);
  CHECK(refusal({Format::simultaneous, {}, {}}).find("0 tracks") != std::string::npos);
  CHECK(refusal({Format::simultaneous, {}, std::vector<Track>(65536)}).find("65536 tracks") != std::string::npos);
  CHECK(refusal({Format::single_track, Division::metrical(0), std::vector<Track>(1)}).find("0 ticks") !=
        std::string::npos);
  CHECK(refusal({Format::single_track, Division::metrical(32768), std::vector<Track>(1)}).find("32768 ticks") !=
        std::string::npos);
  CHECK(refusal({Format::single_track, Division::smpte(129, 1), std::vector<Track>(1)}).find("SMPTE") !=
        std::string::npos);
}

TEST_CASE("a file on disk") {
  const Folder folder;
  const auto path = folder.path / "a b.mid";
  const File file = file_of({note_on({0}, 0, 60, 64), note_off({96}, 0, 60)});
  write_file(path, file);
  CHECK(read_file(path).file == file);
  const File other = file_of({note_on({0}, 0, 61, 64), note_off({96}, 0, 61)});
  write_file(path, other);
  CHECK(read_file(path).file == other);
  CHECK(folder.files() == 1);
  CHECK_THROWS_AS(write_file(folder.path / "none" / "a.mid", file), std::system_error);
}

#if !defined(_WIN32)
TEST_CASE("a full disk is one error and leaves the previous file intact") {
  const Folder folder;
  const auto path = folder.path / "a.mid";
  const File old = file_of({note_on({0}, 0, 60, 64), note_off({96}, 0, 60)});
  write_file(path, old);
  // A limit on file size simulates a full disk: writes beyond it fail. The small file reaches it when it is closed, the
  // large one while it is written.
  for (const int notes : {10, 100'000}) {
    std::vector<Event> events;
    for (int k = 0; k < notes; ++k) events.push_back(note_on({k}, 0, 60, 64));
    const File file = file_of(events);
    std::string message;
    try {
      const rondo_test::SmallDisk disk(50);
      write_file(path, file);
    } catch (const std::system_error& e) {
      message = e.what();
    }
    CHECK(message == "cannot write " + path.string() + ": File too large");
    CHECK(read_file(path).file == old);
    CHECK(folder.files() == 1);
  }
}
#endif

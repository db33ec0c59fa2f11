// SPDX-License-Identifier: MIT
// Headers, chunks and bytes around them: each deviation found in real files, as a file of a few bytes.
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <rondo/midi/notes.hpp>
#include <rondo/midi/writer.hpp>

#include "bytes.hpp"
#include "support/catch.hpp"

using namespace bytes;
using namespace rondo::midi;

namespace {

std::string read_error(const Bytes& file) {
  try {
    read(file);
  } catch (const error& e) {
    return e.what();
  }
  return "no error";
}

std::size_t notes(const ReadResult& result) { return extract<Ticks>(result.file).notes.size(); }

}  // namespace

TEST_CASE("a correct file has no diagnostics") {
  const ReadResult r = read(join({header(1, 2, 480), track(kEnd), track(join({kNote, kEnd}))}));
  CHECK(r.diagnostics.empty());
  CHECK(r.file.format == Format::simultaneous);
  CHECK(r.file.division == Division::metrical(480));
  REQUIRE(r.file.tracks.size() == 2);
  CHECK(r.file.tracks[0].events.empty());
  REQUIRE(r.file.tracks[1].events.size() == 2);
  CHECK(r.file.tracks[1].events[0].time == Ticks{0});
  CHECK(r.file.tracks[1].events[0].kind() == Kind::note_on);
  CHECK(r.file.tracks[1].events[1].time == Ticks{96});
  CHECK(r.file.tracks[1].end == Ticks{96});
}

TEST_CASE("files that are not MIDI are one error with an offset") {
  CHECK(read_error({}) == "not a MIDI file: wanted 'MThd', the file is empty at byte offset 0");
  CHECK(read_error(text("<!DOCTYPE html>")) == "not a MIDI file: wanted 'MThd', got '<!DO' at byte offset 0");
  CHECK(read_error({'P', 'K', 3}) == "not a MIDI file: wanted 'MThd', got 'PK.' at byte offset 0");
  CHECK(read_error(join({text("RIFF"), {9, 0, 0, 0}, text("WAVEfmt ")})) ==
        "not a MIDI file: wanted 'MThd', got 'RIFF' at byte offset 0");
  CHECK(read_error(join({text("MThd"), big_endian(6, 4), {0, 1, 0}})) ==
        "header cut short: wanted 14 bytes, got 11 at byte offset 0");
  CHECK(read_error(header(1, 3)) == "MIDI file without a track: wanted a chunk 'MTrk', got none at byte offset 14");
  CHECK(read_error(join({header(1, 1), text("MTrk")})).find("without a track") != std::string::npos);
}

TEST_CASE("the error names the file and the offset") {
  const auto path = std::filesystem::temp_directory_path() / "rondo not midi.mid";
  std::ofstream(path) << "nonsense";
  try {
    read_file(path);
    FAIL("read");
  } catch (const error& e) {
    CHECK(e.what() == path.string() + ": not a MIDI file: wanted 'MThd', got 'nons' at byte offset 0");
    CHECK(e.offset() == 0);
  }
  std::filesystem::remove(path);
  CHECK_THROWS_AS(read_file(path), std::system_error);
  CHECK_THROWS_AS(read_file(std::filesystem::temp_directory_path()), std::system_error);
}

TEST_CASE("bytes before the header are skipped") {
  const ReadResult r = read(join({text("rubbish"), one_track(kNote)}));
  CHECK(notes(r) == 1);
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, 0, -1, "7 bytes before the header"));
}

TEST_CASE("an RMID wrapper is opened, and chunks after the data are ignored") {
  const Bytes midi = one_track(kNote);
  const auto little_endian = [](std::size_t n) {
    Bytes b = big_endian(static_cast<std::uint32_t>(n), 4);
    std::reverse(b.begin(), b.end());
    return b;
  };
  const Bytes info = join({text("INFO"), little_endian(3), {1, 2, 3, 0}});  // odd sizes are padded
  const Bytes data = join({text("data"), little_endian(midi.size()), midi});
  const Bytes after = join({text("LIST"), little_endian(4), text("MTrk")});
  const Bytes body = join({text("RMID"), info, data, after});
  const ReadResult r = read(join({text("RIFF"), little_endian(body.size()), body}));
  CHECK(notes(r) == 1);
  CHECK(r.file.tracks.size() == 1);
  REQUIRE(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, 0, -1, "RMID"));
}

TEST_CASE("a header of another length") {
  Bytes longer = join({header(0, 1), {1, 2, 3, 4}, track(join({kNote, kEnd}))});
  longer[7] = 10;
  ReadResult r = read(longer);
  CHECK(notes(r) == 1);
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, 4, -1, "length 10"));

  for (const std::uint32_t wrong : {0u, 5u, 7u, 200u}) {
    Bytes file = one_track(kNote);
    file[7] = static_cast<std::uint8_t>(wrong);
    r = read(file);
    CHECK(notes(r) == 1);
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, 4, -1, "header of length"));
  }
}

TEST_CASE("formats") {
  ReadResult r = read(join({header(2, 2), track(join({kNote, kEnd})), track(join({kNote, kEnd}))}));
  CHECK(r.file.format == Format::sequential);
  CHECK(r.diagnostics.empty());
  CHECK(notes(r) == 2);

  r = read(join({header(29697, 1), track(join({kNote, kEnd}))}));
  CHECK(r.file.format == Format::simultaneous);
  CHECK(has_diagnostic(r, 8, -1, "unknown format 29697"));

  r = read(join({header(0, 2), track(kEnd), track(join({kNote, kEnd}))}));
  CHECK(r.file.format == Format::simultaneous);
  CHECK(has_diagnostic(r, 8, -1, "format 0 with 2 tracks"));
}

TEST_CASE("divisions") {
  const auto division = [](std::uint32_t word) { return read(join({header(0, 1, word), track(kEnd)})); };
  CHECK(division(0x7FFF).file.division == Division::metrical(32767));
  CHECK(division(0xE728).file.division == Division::smpte(25, 40));
  CHECK(division(0xE350).file.division == Division::smpte(29, 80));
  CHECK(division(0xE350).diagnostics.empty());

  ReadResult r = division(0);
  CHECK(r.file.division == Division::metrical(480));
  CHECK(has_diagnostic(r, 12, -1, "division of 0"));
  r = division(0xE700);  // 25 frames of 0 ticks
  CHECK(r.file.division == Division::metrical(480));
  CHECK(has_diagnostic(r, 12, -1, "0 ticks per SMPTE frame"));
  r = division(0xD890);
  CHECK(r.file.division == Division::smpte(40, 144));
  CHECK(has_diagnostic(r, 12, -1, "40 frames per second"));
  CHECK(division(0x8001).file.division == Division::smpte(128, 1));
}

TEST_CASE("the header's number of tracks is not used") {
  const Bytes one = track(join({kNote, kEnd}));
  for (const std::uint32_t claimed : {0u, 1u, 3u, 65535u}) {
    const ReadResult r = read(join({header(1, claimed), one, one}));
    CHECK(r.file.tracks.size() == 2);
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, 10, -1, "the file has 2"));
  }
}

TEST_CASE("a chunk of another type is skipped") {
  const ReadResult r = read(join({header(0, 1), chunk("XFIH", {1, 2, 3}), track(join({kNote, kEnd}))}));
  CHECK(notes(r) == 1);
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, 14, -1, "'XFIH'"));
}

TEST_CASE("bytes between tracks and at the end are skipped") {
  const Bytes one = track(join({kNote, kEnd}));  // 20 bytes
  ReadResult r = read(join({header(1, 2), one, {0}, one, {1, 2, 3, 4, 5, 6}}));
  CHECK(notes(r) == 2);
  CHECK(r.diagnostics.size() == 2);
  CHECK(has_diagnostic(r, 34, -1, "1 bytes that belong to no chunk"));
  CHECK(has_diagnostic(r, 55, -1, "6 bytes that belong to no chunk"));

  r = read(join({header(1, 2), one, {'X'}, one}));  // "XMTr" with an absurd length
  CHECK(notes(r) == 2);
  CHECK(has_diagnostic(r, 34, -1, "1 bytes that belong to no chunk"));
}

TEST_CASE("a wrong track length") {
  const Bytes content = join({kNote, kEnd});
  const auto with_length = [&](std::uint32_t length) { return join({text("MTrk"), big_endian(length, 4), content}); };

  SECTION("too short: events continue after it") {
    for (std::uint32_t length = 0; length < 12; ++length) {
      const ReadResult r = read(join({header(1, 2), with_length(length), track(content)}));
      CHECK(notes(r) == 2);
      CHECK(r.file.tracks.size() == 2);
      CHECK(r.file.tracks[0] == r.file.tracks[1]);
      CHECK(has_diagnostic(r, 18, 0, "too short"));
    }
  }
  SECTION("too long: it reaches over the next track") {
    const ReadResult r = read(join({header(1, 2), with_length(25), track(content)}));
    CHECK(notes(r) == 2);
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, 34, 0, "0 bytes after the end of the track"));
  }
  SECTION("beyond the end of the file") {
    const ReadResult r = read(join({header(1, 2), with_length(0xFFFFFFFF), with_length(13)}));
    CHECK(notes(r) == 2);
    CHECK(r.diagnostics.size() == 2);
    CHECK(has_diagnostic(r, 18, 0, "track length 4294967295 where 32 bytes are left"));
    CHECK(has_diagnostic(r, 38, 1, "track length 13 where 12 bytes are left"));
  }
  SECTION("bytes after the end of the track") {
    const ReadResult r = read(join({header(1, 2), track(join({content, {9, 9, 9}})), track(content)}));
    CHECK(notes(r) == 2);
    CHECK(r.diagnostics.size() == 1);
    CHECK(has_diagnostic(r, 34, 0, "3 bytes after the end of the track"));
  }
}

TEST_CASE("a track without an end-of-track event") {
  ReadResult r = read(join({header(1, 2), track(kNote), track(join({kNote, kEnd}))}));
  CHECK(notes(r) == 2);
  CHECK(r.diagnostics.size() == 1);
  CHECK(has_diagnostic(r, 30, 0, "without an end-of-track"));
  CHECK(r.file.tracks[0].end == Ticks{96});

  r = read(join({header(1, 2), track({}), track(join({kNote, kEnd}))}));
  CHECK(r.file.tracks[0] == Track{});
  CHECK(has_diagnostic(r, 22, 0, "without an end-of-track"));
}

TEST_CASE("a file truncated anywhere gives the events before that") {
  const Bytes whole = one_track(join({kNote, {0x00, 0xFF, 0x03, 2, 'a', 'b'}}));
  for (std::size_t size = 22; size < whole.size(); ++size) {
    const ReadResult r = read(std::span(whole).first(size));
    CHECK(r.file.tracks[0].events.size() == (size >= 36 ? 3 : size >= 30 ? 2 : size >= 26 ? 1 : 0));
    CHECK(has_diagnostic(r, 18, 0, "track length"));
    CHECK(has_diagnostic(r, size, 0, "without an end-of-track"));
  }
}

TEST_CASE("many tracks that each claim the rest of the file need little memory") {
  constexpr std::uint32_t kTracks = 3000;
  Bytes file = header(1, kTracks);
  for (std::uint32_t k = 0; k < kTracks; ++k) {
    const std::uint32_t rest = 4 + 12 * (kTracks - k - 1);
    const Bytes one = join({text("MTrk"), big_endian(rest, 4), kEnd});
    file.insert(file.end(), one.begin(), one.end());
  }
  const ReadResult r = read(file);
  CHECK(r.file.tracks.size() == kTracks);
  std::size_t reserved = 0;
  for (const Track& t : r.file.tracks) reserved += t.events.capacity();
  CHECK(reserved <= file.size());
}

TEST_CASE("more tracks than the header's field can hold") {
  const Bytes empty = track({});
  Bytes file = header(1, 65535);
  for (int k = 0; k < 65536; ++k) file.insert(file.end(), empty.begin(), empty.end());
  const ReadResult r = read(file);
  CHECK(r.file.tracks.size() == 65535);
  CHECK(r.diagnostics.back().message == "65436 further diagnostics from here on are not listed");
  CHECK_NOTHROW(write(r.file));
}

// SPDX-License-Identifier: MIT
#include <rondo/midi/writer.hpp>
#include <rondo/music/load.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
namespace fs = std::filesystem;

namespace {

constexpr int kQuarter = 480;

/// A temporary folder, deleted when the test ends.
class Folder {
 public:
  Folder() { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }
  fs::path write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  fs::path path_ = fs::temp_directory_path() / ("rondo-load-" + std::to_string(std::random_device()()));
};

/// A quarter note at every given tick.
midi::Track notes_at(const std::vector<std::int64_t>& ticks, int channel = 0) {
  midi::Track track;
  for (std::int64_t tick : ticks) track.add(midi::note_on({tick}, channel, 60, 64));
  return track;
}

std::vector<std::int64_t> every(std::int64_t step, std::int64_t end, std::int64_t from = 0) {
  std::vector<std::int64_t> ticks;
  for (std::int64_t tick = from; tick < end; tick += step) ticks.push_back(tick);
  return ticks;
}

/// Time signatures (tick, beats, power of two) and tempi (tick, microseconds per quarter).
midi::Track conductor(const std::vector<std::array<std::int64_t, 3>>& signs,
                      const std::vector<std::array<std::int64_t, 2>>& tempi = {}) {
  midi::Track track;
  for (const auto& [tick, beats, power] : signs)
    track.add_meta(
        {tick}, midi::meta::kTimeSignature,
        std::array<std::uint8_t, 4>{static_cast<std::uint8_t>(beats), static_cast<std::uint8_t>(power), 24, 8});
  for (const auto& [tick, tempo] : tempi)
    track.add_meta({tick}, midi::meta::kTempo, midi::tempo_payload(static_cast<std::uint32_t>(tempo)));
  return track;
}

midi::File file_of(std::vector<midi::Track> tracks) {
  return {midi::Format::simultaneous, midi::Division::metrical(kQuarter), std::move(tracks)};
}

std::vector<double> times(const std::vector<BarStart>& bars) {
  std::vector<double> seconds;
  for (const BarStart& bar : bars) seconds.push_back(bar.seconds);
  return seconds;
}

bool on_numbers_from_one(const std::vector<BarStart>& bars) {
  for (std::size_t b = 0; b < bars.size(); ++b)
    if (bars[b].number != static_cast<int>(b) + 1) return false;
  return true;
}

std::string bytes_of(const midi::File& file) {
  const auto bytes = midi::write(file);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("Bars of a MIDI file follow its time signatures and its tempo") {
  // 3/4 at 120 for two bars, then 6/8 at 60: an eighth is half a second
  const auto bars = bar_starts(
      file_of({conductor({{0, 3, 2}, {2880, 6, 3}}, {{0, 500'000}, {2880, 1'000'000}}), notes_at(every(240, 6000))}));
  CHECK(times(bars) == std::vector<double>{0, 1.5, 3, 6, 9});
  CHECK(on_numbers_from_one(bars));
  // 4/4 before the first signature; a repeated signature starts no new bar; a signature within a bar starts one
  CHECK(times(bar_starts(file_of({conductor({{960, 4, 2}, {1440, 2, 2}}), notes_at(every(480, 3400))}))) ==
        std::vector<double>{0, 1.5, 2.5, 3.5});
  // of several at one time the last one applies, on any track
  CHECK(times(bar_starts(file_of({conductor({{0, 4, 2}}), conductor({{0, 2, 2}}), notes_at(every(480, 2000))}))) ==
        std::vector<double>{0, 1, 2});
  // bars that are not a whole number of ticks do not drift
  midi::File coarse = file_of({conductor({{0, 3, 4}}), notes_at(every(1, 10))});
  coarse.division = midi::Division::metrical(2);  // 3/16: one and a half ticks
  CHECK(times(bar_starts(coarse)) == std::vector<double>{0, 0.25, 0.75, 1, 1.5, 1.75, 2.25});
}

TEST_CASE("Without reliable time signatures there are no bars") {
  const auto sign = conductor({{0, 4, 2}});
  CHECK(bar_starts(file_of({sign, notes_at(every(480, 9600))})).size() == 5);
  CHECK(bar_starts(file_of({notes_at(every(480, 9600))})).empty());           // no time signature
  CHECK(bar_starts(file_of({sign})).empty());                                 // no notes
  CHECK(bar_starts(file_of({sign, notes_at(every(480, 9600), 9)})).empty());  // drums
  // Free playing as recorders write it: a constant tempo, and notes off the beats.
  const auto free = notes_at(every(487, 9700, 3));
  CHECK(bar_starts(file_of({sign, free})).empty());
  CHECK(bar_starts(file_of({conductor({{0, 4, 2}}, {{0, 400'000}}), free})).empty());
  // A changing tempo was set deliberately, with known beats.
  CHECK(bar_starts(file_of({conductor({{0, 4, 2}}, {{0, 400'000}, {4800, 410'000}}), free})).size() == 5);
  // Triplets and sixteenths are beats too.
  CHECK(bar_starts(file_of({sign, notes_at(every(160, 9600))})).size() == 5);
  CHECK(bar_starts(file_of({sign, notes_at(every(120, 9600))})).size() == 5);
  auto smpte = file_of({sign, notes_at(every(480, 9600))});
  smpte.division = midi::Division::smpte(25, 40);
  CHECK(bar_starts(smpte).empty());
  auto patterns = file_of({sign, notes_at(every(480, 9600))});
  patterns.format = midi::Format::sequential;
  CHECK(bar_starts(patterns).empty());
  // invalid signatures
  CHECK(bar_starts(file_of({conductor({{0, 4, 200}}), notes_at(every(480, 9600))})).empty());
  CHECK(bar_starts(file_of({conductor({{0, 0, 2}}), notes_at(every(480, 9600))})).empty());
  auto endless = file_of({conductor({{0, 1, 6}}), notes_at({0, (std::int64_t{1} << 28) - 64})});
  CHECK(bar_starts(endless).empty());
}

TEST_CASE("The reduced pedal events give the same result in every mode") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    auto played = rondo::test::random_performance(seed, 200);
    for (std::size_t i = 0; i < played.controls.size(); ++i)
      played.controls[i].channel = static_cast<std::uint8_t>(i % 3);
    for (std::size_t i = 0; i < played.notes.size(); ++i) played.notes[i].channel = static_cast<std::uint8_t>(i % 2);
    auto reduced = played;
    reduced.controls = rondo::music::detail::pedal_passages(played.controls);
    CHECK(reduced.controls.size() < played.controls.size());
    for (PedalMode mode : {PedalMode::extend, PedalMode::tokens, PedalMode::ignore})
      CHECK(apply_pedal(reduced, mode) == apply_pedal(played, mode));
  }
  // a pedal that is never released lasts to its last event
  const std::vector<ControlChange> held = {{{1}, 64, 127}, {{2}, 7, 90}, {{3}, 64, 100}, {{4}, 64, 0, 9}};
  const auto reduced = rondo::music::detail::pedal_passages(held);
  REQUIRE(reduced.size() == 2);
  CHECK(reduced[1].time.value == 3);
}

TEST_CASE("A piece is read with its bars, without drums; other files are an error with the reason") {
  const Folder folder;
  auto song = file_of({conductor({{0, 4, 2}}), notes_at(every(480, 4000)), notes_at(every(480, 4000), 9)});
  const Piece piece = read_piece(folder.write("Song.MID", bytes_of(song)));
  CHECK(piece.name == "Song");
  CHECK(piece.performance.notes.size() == 9);
  CHECK(times(piece.bars) == std::vector<double>{0, 2, 4});
  const Piece parsed = piece_of(song, "elsewhere/Song.MID");  // without a file
  CHECK(parsed.name == piece.name);
  CHECK(parsed.performance.notes == piece.performance.notes);
  CHECK(times(parsed.bars) == times(piece.bars));
  CHECK_THROWS_WITH(piece_of(file_of({notes_at({0, 480}, 9)}), "a/b.mid"),
                    "a/b.mid: only percussion (channel 10), no notes");

  const auto drums = folder.write("drums.mid", bytes_of(file_of({notes_at({0, 480}, 9)})));
  CHECK_THROWS_WITH(read_piece(drums), drums.string() + ": only percussion (channel 10), no notes");
  const auto silence = folder.write("silence.mid", bytes_of(file_of({conductor({{0, 4, 2}})})));
  CHECK_THROWS_WITH(read_piece(silence), silence.string() + ": no notes");
  CHECK_THROWS_WITH(read_piece(folder.path()), folder.path().string() + ": not a file");
  CHECK_THROWS_AS(read_piece(folder / "absent.mid"), std::system_error);
  const auto huge = folder.write("huge.mid", "MThd");
  fs::resize_file(huge, kLargestMusicFile + 1);  // a sparse file
  CHECK_THROWS_WITH(read_piece(huge), huge.string() + ": 8388609 bytes, more than the limit of 8388608");
  // Notes of one pitch overlap if they are of several tracks.
  const auto thick = [](std::size_t tracks) {
    return bytes_of(file_of(std::vector<midi::Track>(tracks, notes_at({0}))));
  };
  const auto stuck = folder.write("stuck.mid", thick(kMaxOverlappingNotes + 1));
  CHECK_THROWS_WITH(read_piece(stuck),
                    stuck.string() + ": 257 simultaneous notes of one pitch, more than the limit of 256");
  CHECK_NOTHROW(read_piece(folder.write("thick.mid", thick(kMaxOverlappingNotes))));
  midi::Track scale;
  for (int i = 0; i < 1000; ++i)
    scale.add(midi::note_on({10 * i}, 0, 60, 64)), scale.add(midi::note_off({10 * i + 10}, 0, 60));
  CHECK_NOTHROW(read_piece(folder.write("quick.mid", bytes_of(file_of({scale})))));  // sequential
  midi::File slow = file_of({conductor({}, {{0, 16'777'215}}), notes_at({0, (1 << 28) - 1})});
  slow.division = midi::Division::metrical(1);
  const auto endless = folder.write("endless.mid", bytes_of(slow));
  CHECK_THROWS_WITH(read_piece(endless), Catch::Contains("s, past the limit of 1000000"));
  // a header that claims missing data needs no memory
  std::string promise = bytes_of(song).substr(0, 14) + "MTrk\xff\xff\xff\xff";
  CHECK_THROWS_WITH(read_piece(folder.write("promise.mid", promise)), Catch::Contains("no notes"));
}

TEST_CASE("A search finds each file once, also with links and cycles, and reports broken links") {
  const Folder folder;
  for (const char* name : {"b.mid", "A.MIDI", "notes.txt", "deep/er/c.kar", "deep/d.rmi", "x.mid/e.mid", "other/f.mid"})
    folder.write("root/" + std::string(name), "x");
  folder.write("outside/g.mid", "x");
  const fs::path root = folder / "root";
  fs::create_directory_symlink("..", root / "deep" / "loop");         // to the root itself
  fs::create_directory_symlink(folder.path(), root / "upwards");      // to its parent folder
  fs::create_directory_symlink(root / "deep", root / "aaa");          // to a folder that is found anyway
  fs::create_directory_symlink(folder / "outside", root / "linked");  // to a folder outside
  fs::create_directory_symlink(folder / "outside", root / "linked2");
  fs::create_symlink("nowhere.mid", root / "dangling.mid");
  const FoundFiles found = find_files(root, is_midi_name);
  std::vector<std::string> files;
  for (const auto& file : found.files) files.push_back(file.lexically_relative(root).string());
  CHECK(files == std::vector<std::string>{"A.MIDI", "b.mid", "deep/d.rmi", "deep/er/c.kar", "linked/g.mid",
                                          "other/f.mid", "x.mid/e.mid"});
  CHECK(found.problems == std::vector<std::string>{(root / "dangling.mid").string() + ": a broken link"});
  CHECK(find_files(root / "notes.txt", is_midi_name).files.size() == 1);
  CHECK_THROWS_WITH(find_files(folder / "absent", is_midi_name),
                    (folder / "absent").string() + ": no such file or folder");
}

TEST_CASE("All readable files of a folder are loaded") {
  const Folder folder;
  folder.write("good.mid", bytes_of(file_of({notes_at({0, 480})})));
  folder.write("tune.mid", bytes_of(file_of({conductor({{0, 4, 2}}), notes_at(every(480, 3840))})));
  folder.write("notes.txt", "not read");
  const auto bad = folder.write("bad.mid", "not music");
  const auto loaded = load_pieces(std::vector<fs::path>{folder.path()}, PedalMode::extend);
  REQUIRE(loaded.pieces.size() == 2);
  CHECK(loaded.pieces[0].name == "good");
  CHECK(loaded.pieces[1].bars.size() == 2);
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].starts_with(bad.string() + ": not a MIDI file"));
}

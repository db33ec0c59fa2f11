// SPDX-License-Identifier: MIT
#include <rondo/midi/writer.hpp>
#include <rondo/music/load.hpp>

#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "generate.hpp"
#include "support/catch.hpp"

using namespace rondo;
using namespace rondo::music;
namespace fs = std::filesystem;

namespace {

constexpr int kQuarter = 480;

/// A folder of its own, gone with the test.
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
  fs::path path_ = fs::temp_directory_path() / ("rondo-load-" + std::to_string(::getpid()));
};

/// A quarter note on every tick named.
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

/// Time signatures (tick, beats, power of two) and tempi (tick, microseconds a quarter).
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
  // before the first sign 4/4; the same sign again is no new bar; a sign within a bar begins one
  CHECK(times(bar_starts(file_of({conductor({{960, 4, 2}, {1440, 2, 2}}), notes_at(every(480, 3400))}))) ==
        std::vector<double>{0, 1.5, 2.5, 3.5});
  // of several at one time the last counts, whatever the track
  CHECK(times(bar_starts(file_of({conductor({{0, 4, 2}}), conductor({{0, 2, 2}}), notes_at(every(480, 2000))}))) ==
        std::vector<double>{0, 1, 2});
  // bars that are no whole number of ticks do not drift
  midi::File coarse = file_of({conductor({{0, 3, 4}}), notes_at(every(1, 10))});
  coarse.division = midi::Division::metrical(2);  // 3/16: a bar and a half tick
  CHECK(times(bar_starts(coarse)) == std::vector<double>{0, 0.25, 0.75, 1, 1.5, 1.75, 2.25});
}

TEST_CASE("Where nobody knows the bars there are none") {
  const auto sign = conductor({{0, 4, 2}});
  CHECK(bar_starts(file_of({sign, notes_at(every(480, 9600))})).size() == 5);
  CHECK(bar_starts(file_of({notes_at(every(480, 9600))})).empty());           // no time signature
  CHECK(bar_starts(file_of({sign})).empty());                                 // no notes
  CHECK(bar_starts(file_of({sign, notes_at(every(480, 9600), 9)})).empty());  // drums
  // Played freely, as recorders write it down: one tempo, and notes beside the beats.
  const auto free = notes_at(every(487, 9700, 3));
  CHECK(bar_starts(file_of({sign, free})).empty());
  CHECK(bar_starts(file_of({conductor({{0, 4, 2}}, {{0, 400'000}}), free})).empty());
  // A tempo that changes was set by somebody who knows the beats.
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
  // signs that nobody can have meant
  CHECK(bar_starts(file_of({conductor({{0, 4, 200}}), notes_at(every(480, 9600))})).empty());
  CHECK(bar_starts(file_of({conductor({{0, 0, 2}}), notes_at(every(480, 9600))})).empty());
  auto endless = file_of({conductor({{0, 1, 6}}), notes_at({0, (std::int64_t{1} << 28) - 64})});
  CHECK(bar_starts(endless).empty());
}

TEST_CASE("What is kept of the pedal is all that any mode hears of it") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    auto played = rondo::test::random_performance(seed, 200);
    for (std::size_t i = 0; i < played.controls.size(); ++i)
      played.controls[i].channel = static_cast<std::uint8_t>(i % 3);
    for (std::size_t i = 0; i < played.notes.size(); ++i) played.notes[i].channel = static_cast<std::uint8_t>(i % 2);
    auto kept = played;
    kept.controls = rondo::music::detail::pedal_passages(played.controls);
    CHECK(kept.controls.size() < played.controls.size());
    for (PedalMode mode : {PedalMode::extend, PedalMode::tokens, PedalMode::ignore})
      CHECK(apply_pedal(kept, mode) == apply_pedal(played, mode));
  }
  // a pedal that never comes up lasts to the last word of it
  const std::vector<ControlChange> held = {{{1}, 64, 127}, {{2}, 7, 90}, {{3}, 64, 100}, {{4}, 64, 0, 9}};
  const auto kept = rondo::music::detail::pedal_passages(held);
  REQUIRE(kept.size() == 2);
  CHECK(kept[1].time.value == 3);
}

TEST_CASE("A piece is read with its bars, without drums; what cannot be a piece says why") {
  const Folder folder;
  auto song = file_of({conductor({{0, 4, 2}}), notes_at(every(480, 4000)), notes_at(every(480, 4000), 9)});
  const Piece piece = read_piece(folder.write("Song.MID", bytes_of(song)));
  CHECK(piece.name == "Song");
  CHECK(piece.performance.notes.size() == 9);
  CHECK(times(piece.bars) == std::vector<double>{0, 2, 4});

  const auto drums = folder.write("drums.mid", bytes_of(file_of({notes_at({0, 480}, 9)})));
  CHECK_THROWS_WITH(read_piece(drums), drums.string() + ": only percussion (channel 10), no notes");
  const auto silence = folder.write("silence.mid", bytes_of(file_of({conductor({{0, 4, 2}})})));
  CHECK_THROWS_WITH(read_piece(silence), silence.string() + ": no notes");
  CHECK_THROWS_WITH(read_piece(folder.path()), folder.path().string() + ": not a file");
  CHECK_THROWS_AS(read_piece(folder / "absent.mid"), std::system_error);
  const auto huge = folder.write("huge.mid", "MThd");
  fs::resize_file(huge, kLargestMusicFile + 1);  // a hole: it takes no room
  CHECK_THROWS_WITH(read_piece(huge), huge.string() + ": 8388609 bytes, more than the limit of 8388608");
  const auto stuck =
      folder.write("stuck.mid", bytes_of(file_of({notes_at(every(10, 10 * kMaxOverlappingNotes + 10))})));
  CHECK_THROWS_WITH(read_piece(stuck),
                    stuck.string() + ": 257 simultaneous notes of one pitch, more than the limit of 256");
  CHECK_NOTHROW(
      read_piece(folder.write("thick.mid", bytes_of(file_of({notes_at(every(10, 10 * kMaxOverlappingNotes))})))));
  midi::Track scale;
  for (int i = 0; i < 1000; ++i)
    scale.add(midi::note_on({10 * i}, 0, 60, 64)), scale.add(midi::note_off({10 * i + 10}, 0, 60));
  CHECK_NOTHROW(read_piece(folder.write("quick.mid", bytes_of(file_of({scale})))));  // one after another
  midi::File slow = file_of({conductor({}, {{0, 16'777'215}}), notes_at({0, (1 << 28) - 1})});
  slow.division = midi::Division::metrical(1);
  const auto endless = folder.write("endless.mid", bytes_of(slow));
  CHECK_THROWS_WITH(read_piece(endless), Catch::Contains("s, past the limit of 1000000"));
  // a header that promises what is not there costs nothing
  std::string promise = bytes_of(song).substr(0, 14) + "MTrk\xff\xff\xff\xff";
  CHECK_THROWS_WITH(read_piece(folder.write("promise.mid", promise)), Catch::Contains("no notes"));
}

TEST_CASE("A search finds each file once, through links and past circles, and says what leads nowhere") {
  const Folder folder;
  for (const char* name : {"b.mid", "A.MIDI", "notes.txt", "deep/er/c.kar", "deep/d.rmi", "x.mid/e.mid", "other/f.mid"})
    folder.write("root/" + std::string(name), "x");
  folder.write("outside/g.mid", "x");
  const fs::path root = folder / "root";
  fs::create_directory_symlink("..", root / "deep" / "loop");         // to the root itself
  fs::create_directory_symlink(folder.path(), root / "upwards");      // to the folder around it
  fs::create_directory_symlink(root / "deep", root / "aaa");          // to what is found anyway
  fs::create_directory_symlink(folder / "outside", root / "linked");  // to what is not
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

TEST_CASE("A folder is loaded as far as it can be read") {
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

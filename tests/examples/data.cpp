// SPDX-License-Identifier: MIT
// Folders of music: the pieces do not depend on the number of threads or on the state of the cache.
#include "piano/data/cache.hpp"
#include "piano/data/load.hpp"
#include "piano/data/read_piece.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/find_files.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "music/generate.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
namespace music = rondo::music;
using music::PedalMode;

namespace {

constexpr int kFiles = 40;  // enough for a cache

/// A folder with all kinds of music, an hour old, and a second folder for the cache.
class Collection {
 public:
  explicit Collection(int files = kFiles) {
    for (int i = 0; i < files; ++i) put(name(i), i);
    // two notes of one pitch that begin at the same time under the pedal: one sounding note, two key presses
    const music::Performance twins = music::make_performance(
        {{{1}, {2}, 60, 64}, {{1}, {3}, 60, 70}, {{2}, {4}, 62, 64}}, {{{0}, 64, 127}, {{6}, 64, 0}});
    const auto bytes = rondo::midi::write(rondo::midi::compose(twins));
    write("twins.mid", {bytes.begin(), bytes.end()});
    write("bad.mid", "not music");
    write("silent.abc", "X:1\nT:t\nC:c\nM:2/4\nL:1/4\nQ:1/4=60\nK:C\n[V:R]z z|z z|]");
    write("tune.abc", "X:1\nT:t\nC:c\nM:2/4\nL:1/4\nQ:1/4=60\nK:C\n[V:R]C D|E F|]");
    write("wrong.abc", "X:1\nT:t\nM:2/4\nK:C\n[V:R]C D E|]");
  }
  ~Collection() { fs::remove_all(base_); }

  static std::string name(int i) { return "part" + std::to_string(i % 3) + "/piece" + std::to_string(i) + ".mid"; }

  /// Writes the i-th piece to a file of that name.
  void put(const std::string& name, int i, double hours_ago = 1) const {
    const auto bytes =
        rondo::midi::write(rondo::midi::compose(rondo::test::random_performance(static_cast<unsigned>(i), 60)));
    write(name, {bytes.begin(), bytes.end()}, hours_ago);
  }
  void write(const std::string& name, const std::string& bytes, double hours_ago = 1) const {
    const fs::path path = folder() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    fs::last_write_time(path,
                        fs::file_time_type::clock::now() - std::chrono::seconds(static_cast<int>(hours_ago * 3600)));
  }

  fs::path folder() const { return base_ / "music"; }
  fs::path caches() const { return base_ / "caches"; }
  piano::LoadOptions options(int threads = 2) const { return {true, caches().string(), threads, {}}; }
  piano::Pieces load(PedalMode mode = PedalMode::extend, int threads = 2) const {
    return piano::load({folder().string()}, mode, options(threads));
  }
  fs::path cache_file() const {
    REQUIRE(fs::is_directory(caches()));
    const std::vector<fs::path> files(fs::directory_iterator(caches()), fs::directory_iterator{});
    REQUIRE(files.size() == 1);
    return files[0];
  }

 private:
  fs::path base_ = fs::temp_directory_path() / ("rondo-data-" + std::to_string(::getpid()));
};

piano::Pieces without_cache(const Collection& collection, PedalMode mode = PedalMode::extend, int threads = 1) {
  return piano::load({collection.folder().string()}, mode, {false, {}, threads, {}});
}

bool same(const piano::Pieces& a, const piano::Pieces& b) {
  return a.problems == b.problems &&
         std::ranges::equal(a.pieces, b.pieces, [](const music::Piece& x, const music::Piece& y) {
           return x.name == y.name && x.performance == y.performance && x.bars == y.bars;
         });
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put_bytes(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

bool has_piece(const piano::Pieces& pieces, const std::string& name) {
  return std::ranges::any_of(pieces.pieces, [&](const music::Piece& piece) { return piece.name == name; });
}

}  // namespace

TEST_CASE("A score is read with its bars") {
  const Collection collection;
  const fs::path path = collection.folder() / "tune.abc";
  std::ofstream(path) << "X:1\nT:t\nC:c\nM:2/4\nL:1/4\nQ:1/4=60\nK:C\n[V:R]C D|E F|]";
  const music::Piece score = piano::read_piece(path);
  CHECK(score.name == "tune");
  REQUIRE(score.bars.size() == 2);
  CHECK(score.bars[1].number == 2);
}

TEST_CASE("A folder gives the same pieces with and without a cache, for any number of threads, in every pedal mode") {
  const Collection collection;
  const auto files = music::find_files(collection.folder(), piano::is_music_name).files;
  for (PedalMode mode : {PedalMode::extend, PedalMode::tokens, PedalMode::ignore}) {
    const auto plain = without_cache(collection, mode);
    CHECK(plain.pieces.size() == kFiles + 2);
    REQUIRE(plain.problems.size() == 3);
    CHECK(plain.problems[0].starts_with((collection.folder() / "bad.mid").string() + ": not a MIDI file"));
    CHECK(plain.problems[1] == (collection.folder() / "silent.abc").string() + ": no notes in it");
    CHECK(plain.problems[2].starts_with((collection.folder() / "wrong.abc").string() + ":"));
    for (std::size_t i = 0, piece = 0; i < files.size(); ++i) {  // the same as reading them one by one
      if (!has_piece(plain, files[i].stem().string())) continue;
      CHECK(plain.pieces[piece].name == files[i].stem().string());
      CHECK(plain.pieces[piece++].performance == music::apply_pedal(piano::read_piece(files[i]).performance, mode));
    }
    for (int threads : {1, 3, 8}) {
      CHECK(same(without_cache(collection, mode, threads), plain));
      CHECK(same(collection.load(mode, threads), plain));  // the first call writes the cache, the others read it
    }
  }
}

TEST_CASE("A cache is read, and changed files are read again") {
  const Collection collection;
  const auto before = collection.load();
  const fs::path first = collection.folder() / Collection::name(0);
  const auto time = fs::last_write_time(first);
  const std::string bytes = bytes_of(first);

  // Size and time are those of the former file: a reader of the cache does not notice the change.
  std::string transposed = bytes;
  for (char& c : transposed)
    if (c == 60) c = 59;
  REQUIRE(transposed != bytes);
  put_bytes(first, transposed);
  fs::last_write_time(first, time);
  CHECK(same(collection.load(), before));
  CHECK_FALSE(same(without_cache(collection), before));

  fs::last_write_time(first, time + std::chrono::milliseconds(4));
  CHECK(same(collection.load(), without_cache(collection)));
  collection.put(Collection::name(1), 1000);              // another size
  fs::remove(collection.folder() / Collection::name(2));  // gone
  collection.put("new.mid", 1001);                        // new
  fs::rename(collection.folder() / Collection::name(3), collection.folder() / "renamed.mid");
  const auto after = collection.load();
  CHECK(same(after, without_cache(collection)));
  CHECK(has_piece(after, "renamed"));
  CHECK_FALSE(has_piece(after, "piece2"));
  const std::string cache = bytes_of(collection.cache_file());
  CHECK(cache.find("new.mid") != std::string::npos);
  CHECK(cache.find("piece2.mid") == std::string::npos);

  // A file that was modified just now might change again without a new time.
  collection.put("young.mid", 1002, 0);
  collection.put("old.mid", 1003);
  CHECK(has_piece(collection.load(), "young"));
  CHECK(bytes_of(collection.cache_file()).find("old.mid") != std::string::npos);
  CHECK(bytes_of(collection.cache_file()).find("young.mid") == std::string::npos);
}

TEST_CASE("A damaged, truncated or foreign cache is ignored and written again") {
  const Collection collection;
  const auto plain = without_cache(collection);
  (void)collection.load();
  const fs::path cache = collection.cache_file();
  const std::string whole = bytes_of(cache);
  const auto survives = [&](const std::string& bytes) {
    put_bytes(cache, bytes);
    const bool well = same(collection.load(), plain);
    return well && bytes_of(collection.cache_file()) == whole;
  };
  CHECK(survives(""));
  CHECK(survives("rondo"));
  CHECK(survives(std::string(100'000, '\xff')));
  CHECK(survives(whole.substr(0, whole.size() / 2)));
  CHECK(survives(whole.substr(0, whole.size() - 1)));
  int bad = 0;
  for (std::size_t k = 0; k < 200; ++k) {
    std::string bytes = whole;
    const std::size_t at = k < 120 ? k : k * 7919 % whole.size();  // all of the header, and some other bytes
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << k % 8));
    if (!survives(bytes)) ++bad;
  }
  CHECK(bad == 0);
  put_bytes(cache, whole);
  CHECK(survives(whole));

  fs::remove(cache);
  fs::create_directory(cache.string() + ".tmp");  // left by another process
  (void)collection.load();
  CHECK((bytes_of(cache) == whole));
  fs::remove(cache.string() + ".tmp");

  fs::remove(cache);
  fs::create_directory(cache);  // a folder of its name, which cannot be replaced
  CHECK(same(collection.load(), plain));
  fs::remove_all(collection.caches());
  put_bytes(collection.caches(), "no folder");
  CHECK(same(collection.load(), plain));
}

TEST_CASE("Values out of range are detected in spite of a correct checksum") {
  const std::string path = "/music/piece.mid";
  piano::ParsedPiece reading;
  reading.piece.performance = music::make_performance({{{0}, {1}, 60, 64}});
  reading.sounding_end = {{1}};
  const auto back = [&] { return piano::Cache::decode(piano::Cache::encode(path, {1, 2}, reading)); };
  auto& note = reading.piece.performance.notes[0];
  CHECK(back());
  for (double time : {-1.0, 2.0, 1e7, std::nan("")}) {
    note.start = {time};  // before 0, after the end, beyond all limits, NaN
    CHECK_FALSE(back());
  }
  note.start = {0};
  note.pitch = 128;
  CHECK_FALSE(back());
  note.pitch = 60;
  reading.sounding_end[0] = {-2};
  CHECK_FALSE(back());
  reading.sounding_end[0] = piano::ParsedPiece::kNeverSounds;
  CHECK(back());
  reading.piece.performance.controls = {{{1}, 64, 200}};
  CHECK_FALSE(back());
  reading.piece.performance = {};
  reading.sounding_end = {};
  CHECK_FALSE(back());  // neither notes nor an error message
  reading.problem = ": why not";
  CHECK(back());
}

TEST_CASE("Files that are given beside a folder do not change its cache") {
  const Collection collection;
  (void)collection.load();
  const std::string whole = bytes_of(collection.cache_file());
  std::vector<std::string> named;
  for (int i = 0; i < kFiles; ++i) collection.put("more" + std::to_string(i) + ".mid", 2000 + i);
  for (int i = 0; i < kFiles; ++i)
    named.push_back((collection.folder() / ("more" + std::to_string(i) + ".mid")).string());
  const auto some = piano::load(named, PedalMode::extend, collection.options());
  CHECK(some.pieces.size() == kFiles);
  const std::string both = bytes_of(collection.cache_file());
  CHECK(both.size() > whole.size());
  CHECK(both.find("piece7.mid") != std::string::npos);
  CHECK(same(collection.load(), without_cache(collection)));
}

TEST_CASE("A small folder has no cache; --no-cache uses none") {
  const Collection small(5);
  (void)small.load();
  CHECK_FALSE(fs::exists(small.caches()));
}

TEST_CASE("Duplicates are left out with a message") {
  const Collection collection(3);
  const fs::path folder = collection.folder();
  fs::copy_file(folder / Collection::name(1), folder / "z copy.mid");
  auto other = rondo::midi::read_file(folder / Collection::name(2)).file;  // the same notes, another file
  other.tracks[0].add_text({}, rondo::midi::meta::kText, "by somebody");
  std::ranges::stable_sort(other.tracks[0].events, {}, &rondo::midi::Event::time);
  rondo::midi::write_file(folder / "z other.mid", other);
  fs::create_symlink(folder / Collection::name(0), folder / "a link.mid");
  const std::string path = (folder / "tune.abc").string();
  const auto loaded = piano::load({folder.string(), path}, PedalMode::extend, {false, {}, 2, {}});
  CHECK(loaded.pieces.size() == 5);
  std::vector<std::string> doubles;
  for (const auto& problem : loaded.problems)
    if (problem.find(": the same") != std::string::npos) doubles.push_back(problem);
  const auto at = [&](const std::string& name) { return (folder / name).string(); };
  CHECK(doubles == std::vector<std::string>{at(Collection::name(0)) + ": the same file as " + at("a link.mid"),
                                            at("tune.abc") + ": the same file as " + at("tune.abc"),
                                            at("z copy.mid") + ": the same music as " + at(Collection::name(1)),
                                            at("z other.mid") + ": the same music as " + at(Collection::name(2))});
}

TEST_CASE("Progress counts every file; a folder without music is an error with the first problem") {
  const Collection collection(10);
  for (int threads : {1, 4}) {
    std::vector<std::size_t> counts;
    auto options = collection.options(threads);
    options.progress = [&](std::size_t done, std::size_t total) {
      counts.push_back(done);
      CHECK(total == 15);
    };
    (void)piano::load({collection.folder().string()}, PedalMode::extend, options);
    CHECK(counts.size() == 15);
    CHECK(std::ranges::is_sorted(counts));
    CHECK(counts.back() == 15);
  }
  const std::string bad = (collection.folder() / "bad.mid").string();
  CHECK_THROWS_WITH(piano::load({bad}, PedalMode::extend),
                    bad + ": no MIDI file or ABC score with notes in it; first problem: " + bad +
                        ": not a MIDI file: wanted 'MThd', got 'not ' at byte offset 0");
  CHECK_THROWS_WITH(piano::load({"/nowhere"}, PedalMode::extend), "/nowhere: no such file or folder");
}

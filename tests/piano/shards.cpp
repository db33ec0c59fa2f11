// SPDX-License-Identifier: MIT
// Shards: equal to the files they were made from, covered once per epoch, safe when damaged.
#include "piano/data/shards.hpp"
#include "piano/data/tokenize.hpp"
#include "piano/training/shard_batches.hpp"

#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/permutation.hpp>

#include "music/generate.hpp"
#include "support/catch.hpp"
#include "support/damaged.hpp"
#include "support/shard_checksums.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace piano;
namespace fs = std::filesystem;
namespace music = rondo::music;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("shards-" + std::to_string(::getpid()))) { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

ParsedPiece parsed(unsigned seed, int notes = 60) {
  ParsedPiece piece;
  piece.piece.performance = rondo::test::random_performance(seed, notes);
  piece.piece.bars = {{0.0, 1}, {2.5, 2}};
  for (const auto& note : piece.piece.performance.notes) piece.sounding_end.push_back(note.end);
  piece.music = 1000 + seed;
  return piece;
}

ShardSet written(const fs::path& folder, unsigned count, std::size_t shard_bytes) {
  ShardWriter writer(folder, shard_bytes);
  for (unsigned n = 0; n < count; ++n) writer.add("piece" + std::to_string(n), parsed(n, 40 + static_cast<int>(n % 7)));
  writer.finish();
  return ShardSet({folder.string()});
}

bool same(const music::Piece& a, const music::Piece& b) {
  return a.performance.notes == b.performance.notes && a.bars.size() == b.bars.size();
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const music::BatchOptions kOptions{.batch = 6, .steps = 16, .seed = 5};

}  // namespace

TEST_CASE("Shards: pieces are those that were written") {
  const Folder folder;
  const ShardSet shards = written(folder.path, 40, 5'000);
  REQUIRE(std::distance(fs::directory_iterator(folder.path), {}) > 3);
  REQUIRE(shards.size() == 40);
  std::uint64_t notes = 0;
  for (unsigned n = 0; n < 40; ++n) {
    const ParsedPiece wanted = parsed(n, 40 + static_cast<int>(n % 7));
    REQUIRE(shards.name(n) == "piece" + std::to_string(n));
    REQUIRE(shards.music(n) == wanted.music);
    for (const auto mode : {music::PedalMode::extend, music::PedalMode::ignore, music::PedalMode::tokens})
      REQUIRE(same(shards.read(n, mode), apply_pedal_mode(wanted, mode)));
    notes += wanted.piece.performance.notes.size();
  }
  REQUIRE(shards.notes() == notes);
  // A sample is the same whatever the shards' sizes.
  const auto sample = shards.sample(7, 1'000'000);
  REQUIRE(written(folder.path / "other", 40, 1 << 20).sample(7, 1'000'000) == sample);
  REQUIRE(std::set(sample.begin(), sample.end()).size() == 7);
  REQUIRE(shards.sample(7, 0) == std::vector(sample.begin(), sample.begin() + 2));
}

TEST_CASE("Shards: the bytes are the same on every machine") {
  ParsedPiece piece;
  for (int n = 0; n < 100; ++n) {  // times that are exact in binary
    const double start = 0.25 * n;
    piece.piece.performance.notes.push_back({.start = {start},
                                             .end = {start + 0.125},
                                             .pitch = static_cast<std::uint8_t>(30 + n % 61),
                                             .velocity = static_cast<std::uint8_t>(1 + n)});
    piece.sounding_end.push_back({start + 0.5});
    if (n % 4 == 0) piece.piece.bars.push_back({start, 1 + n / 4});
    if (n % 9 == 0)
      piece.piece.performance.controls.push_back({.time = {start}, .value = static_cast<std::uint8_t>(n)});
  }
  piece.music = 0x0123456789abcdef;
  const Folder folder;
  ShardWriter writer(folder.path, 1 << 20);
  writer.add("gr\u00fc\u00df", piece);
  writer.finish();
  const std::string bytes = bytes_of(folder.path / "000000.shard");
  CHECK(bytes.size() == 3280);
  CHECK(checksum_of(bytes) == 0x092206670aa31faf);
  const ShardSet shards({folder.path.string()});
  CHECK(same(shards.read(0, music::PedalMode::tokens), apply_pedal_mode(piece, music::PedalMode::tokens)));
}

TEST_CASE("Shards: a writer adds to those that are there") {
  const Folder folder;
  written(folder.path, 5, 1 << 20);
  const std::string first = bytes_of(folder.path / "000000.shard");
  REQUIRE(written(folder.path, 3, 1 << 20).size() == 8);
  REQUIRE(bytes_of(folder.path / "000000.shard") == first);
}

TEST_CASE("Shards: tokenize leaves out what is there, and files that are no music") {
  const Folder folder;
  const fs::path scores = fs::path(RONDO_SOURCE_DIR) / "examples" / "piano" / "scores", out = folder.path / "out";
  fs::create_directories(folder.path / "bad");
  std::ofstream(folder.path / "bad" / "empty.mid") << "no music";
  std::vector<std::string> problems;
  TokenizeOptions options{.data = {scores.string(), (folder.path / "bad").string()},
                          .out = out.string(),
                          .progress = {},
                          .problem = [&](const std::string& line) { problems.push_back(line); }};
  const TokenizeResult first = tokenize(options);
  REQUIRE(first.pieces > 10);
  REQUIRE(first.problems == 1);
  REQUIRE(problems.size() == 1);
  REQUIRE(problems[0].find("empty.mid") != std::string::npos);
  const TokenizeResult second = tokenize(options);
  REQUIRE(second.pieces == 0);
  REQUIRE(second.duplicates == first.pieces + first.duplicates);
  options.keep_duplicates = true;
  REQUIRE(tokenize(options).pieces == first.pieces + first.duplicates);
  const ShardSet shards({out.string()});
  REQUIRE(shards.size() == 2 * first.pieces + first.duplicates);
  for (std::size_t n = 0; n < first.pieces; ++n) {
    const auto path = scores / (std::string(shards.name(n)) + ".abc");
    REQUIRE(
        same(shards.read(n, music::PedalMode::extend), apply_pedal_mode(read_music(path), music::PedalMode::extend)));
  }
}

TEST_CASE("Shards: damage at any byte is one line with its place, and nothing worse") {
  const Folder folder;
  written(folder.path, 3, 1 << 20);
  const std::string whole = bytes_of(folder.path / "000000.shard");
  const auto problem = [](const std::string& bytes) -> std::string {
    try {
      const Shard shard(bytes, "x.shard");
      for (std::size_t n = 0; n < shard.size(); ++n) shard.read(n);
      return "";
    } catch (const std::runtime_error& e) {
      return e.what();
    }
  };
  REQUIRE(problem(whole).empty());
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE(problem(whole.substr(0, size)).starts_with("x.shard, byte "));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int bit : {0, 3, 7}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      INFO("byte " << at << " bit " << bit);
      REQUIRE(problem(damaged).starts_with("x.shard, byte "));
    }
}

TEST_CASE("Shards: damage behind right checksums is one line, or pieces that make tokens") {
  const Folder folder;
  written(folder.path, 3, 1 << 20);
  const std::string whole = bytes_of(folder.path / "000000.shard");
  const char* const text = std::getenv("RONDO_DAMAGED_FILES");
  const int count = text ? std::atoi(text) : 3000;
  rondo::Rng rng(1);
  int refused = 0, read = 0;
  for (int n = 0; n < count; ++n) {
    std::string bytes = rondo_test::damaged(whole, rng, std::string_view("\0\x7f\x80\xff", 4), {"\0\xff\n", 3});
    rondo_test::repair_checksums(bytes);
    try {
      const Shard shard(bytes, "x.shard");
      for (std::size_t i = 0; i < shard.size(); ++i)
        music::encode(apply_pedal_mode(shard.read(i), music::PedalMode::extend).performance);
      ++read;
    } catch (const std::runtime_error& e) {
      const std::string line = e.what();
      INFO(n << ": " << line);
      REQUIRE(line.starts_with("x.shard, byte "));
      REQUIRE(line.find('\n') == std::string::npos);
      ++refused;
    }
  }
  REQUIRE(refused > count / 10);
  REQUIRE(read > count / 10);  // the checksums do not hide what lies behind them
}

TEST_CASE("Shards: an epoch reads every piece once, and parts of a batch are its columns") {
  const Folder folder;
  const ShardSet shards = written(folder.path, 23, 5'000);
  const std::vector<std::string> without = {"piece4", "piece20"};
  ShardBatches whole(shards, music::PedalMode::extend, kOptions, without);
  music::BatchOptions own = kOptions;
  own.first_stream = 2, own.streams = 3;
  ShardBatches part(shards, music::PedalMode::extend, own, without);
  std::map<std::uint64_t, int> pieces_of_epoch;  // started, by the epoch of their stream
  for (int step = 0; step < 120; ++step) {
    const auto& all = whole.next();
    const auto& columns = part.next();
    const auto positions = whole.positions();
    for (std::size_t b = 0; b < 6; ++b)
      if (all.reset[b]) ++pieces_of_epoch[positions[b][0]];
    for (std::size_t b = 0; b < 3; ++b) {
      REQUIRE(columns.lengths[b] == all.lengths[b + 2]);
      REQUIRE(columns.reset[b] == all.reset[b + 2]);
      for (std::size_t t = 0; t < 16; ++t) REQUIRE(columns.targets[t * 3 + b] == all.targets[t * 6 + b + 2]);
    }
  }
  REQUIRE(pieces_of_epoch.size() > 3);
  REQUIRE(pieces_of_epoch[0] == 21);
  REQUIRE(pieces_of_epoch[1] == 21);
}

TEST_CASE("Shards: batches continue at saved positions") {
  const Folder folder;
  const ShardSet shards = written(folder.path, 23, 5'000);
  ShardBatches unbroken(shards, music::PedalMode::extend, kOptions, {});
  for (int step = 0; step < 37; ++step) unbroken.next();
  const auto positions = unbroken.positions();
  ShardBatches resumed(shards, music::PedalMode::extend, kOptions, {});
  resumed.seek(37, positions);
  REQUIRE(resumed.step() == 37);
  for (int step = 0; step < 50; ++step) {
    const auto& wanted = unbroken.next();
    const auto& got = resumed.next();
    REQUIRE(got.inputs == wanted.inputs);
    REQUIRE(got.targets == wanted.targets);
    REQUIRE(got.reset == wanted.reset);
  }
  CHECK_THROWS_WITH(resumed.seek(3, nullptr), "the positions in the shards are missing");
  CHECK_THROWS_WITH(resumed.seek(3, nlohmann::json::array({1, 2, 3, 4, 5, 6})),
                    "the positions in the shards are damaged");
}

TEST_CASE("Shards: too few pieces for a batch are refused") {
  const Folder folder;
  const ShardSet shards = written(folder.path, 5, 1 << 20);
  CHECK_THROWS_WITH(ShardBatches(shards, music::PedalMode::extend, kOptions, {}),
                    "the shards have 5 pieces, too few for 6 sequences of a batch; give the music files themselves");
}

// SPDX-License-Identifier: MIT
#include "piano/data/load.hpp"
#include "piano/data/cache.hpp"
#include "piano/data/parallel_for.hpp"
#include "piano/data/read_piece.hpp"
#include "piano/data/shards.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/music/find_files.hpp>
#include <rondo/music/hash.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace piano {
namespace {

namespace fs = std::filesystem;
namespace music = rondo::music;

constexpr std::size_t kMinCachedFiles = 32;  // files; fewer are read quickly enough without a cache

/// One file being loaded.
struct Source {
  fs::path path;
  std::string canonical;  // the path with symbolic links resolved
  std::size_t home;       // index of the folder whose cache may contain it
  rondo::music::Piece piece = {};
  std::string problem = {};
  std::uint64_t music = 0;          // the hash of notes and pedal
  std::string_view old_entry = {};  // from the cache, if it was found there
  std::string new_entry = {};       // for the cache, if the file was read
};

/// A folder among the paths, or the folder of a file among them.
struct Home {
  fs::path path;
  bool searched = false;  // completely, so that files that were not found no longer exist
  std::size_t files = 0;
  std::optional<Cache> cache = {};
};

class Loader {
 public:
  Loader(music::PedalMode pedal, const LoadOptions& options) : pedal_(pedal), options_(options) {}

  Pieces operator()(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) find(path);
    open_caches();
    const int threads = options_.threads > 0 ? options_.threads : rondo::num_threads();
    parallel_for(sources_.size(), threads, [this](std::size_t i) {
      read(sources_[i]);
      if (!options_.progress) return;
      const std::lock_guard lock(progress_mutex_);
      options_.progress(++done_, sources_.size());
    });
    write_caches();
    collect();
    return std::move(result_);
  }

 private:
  void find(const fs::path& path) {
    if (is_shard_folder(path)) return sample(path);
    auto found = music::find_files(path, is_music_name);
    std::ranges::move(found.problems, std::back_inserter(result_.problems));
    std::error_code code;
    fs::path home = fs::weakly_canonical(path, code);
    const bool searched = fs::is_directory(path, code);
    if (!searched) home = home.parent_path();
    const auto [at, fresh] = home_of_.try_emplace(home.string(), homes_.size());
    if (fresh) homes_.push_back({home});
    Home& its = homes_[at->second];
    its.searched = its.searched || searched;
    for (fs::path& file : found.files) {
      std::string canonical = fs::weakly_canonical(file, code).string();
      if (code) canonical = file.string();
      const auto [first, is_new] = first_path_.try_emplace(canonical, file.string());
      if (is_new) {
        ++its.files;
        sources_.push_back({std::move(file), std::move(canonical), at->second});
      } else {
        result_.problems.push_back(file.string() + ": the same file as " + first->second);
      }
    }
  }

  /// Adds some pieces of a folder of shards.
  void sample(const fs::path& folder) {
    const ShardSet shards({folder.string()});
    for (const std::size_t n : shards.sample(kMaxShardPieces, kMaxShardNotes))
      result_.pieces.push_back(shards.read(n, pedal_));
  }

  void open_caches() {
    const fs::path folder = options_.cache.empty() ? cache_folder() : fs::path(options_.cache);
    if (!options_.use_cache || folder.empty()) return;
    for (Home& home : homes_)
      if (home.files >= kMinCachedFiles) home.cache.emplace(folder, home.path);
  }

  /// Called by several threads, each with another source.
  void read(Source& source) const try {
    const auto& cache = homes_[source.home].cache;
    const auto stamp = cache ? stamp_of(source.path) : std::nullopt;  // taken before the file is read
    ParsedPiece parsed;
    if (const auto entry = stamp ? cache->find(source.canonical, *stamp) : std::nullopt) {
      if (auto cached = Cache::decode(*entry)) {
        parsed = std::move(*cached);
        source.old_entry = *entry;
      }
    }
    if (source.old_entry.empty()) {
      parsed = read_music(source.path);
      if (stamp && parsed.permanent) source.new_entry = Cache::encode(source.canonical, *stamp, parsed);
    }
    source.problem = std::move(parsed.problem);
    source.music = parsed.music;
    if (!source.problem.empty()) return;
    source.piece = apply_pedal_mode(std::move(parsed), pedal_);
    source.piece.name = source.path.stem().string();
  } catch (const std::bad_alloc&) {
    source.problem = ": not enough memory to read it";
  }

  void write_caches() {
    std::vector<std::vector<std::string_view>> entries(homes_.size());
    std::vector<bool> changed(homes_.size());
    for (const Source& source : sources_) {
      if (!source.new_entry.empty()) changed[source.home] = true;
      const std::string_view entry = source.new_entry.empty() ? source.old_entry : source.new_entry;
      if (!entry.empty()) entries[source.home].push_back(entry);
    }
    for (std::size_t h = 0; h < homes_.size(); ++h)
      if (changed[h]) homes_[h].cache->write(entries[h], !homes_[h].searched);
  }

  void collect() {
    std::unordered_map<std::uint64_t, std::string> first_with;
    for (Source& source : sources_) {
      if (!source.problem.empty()) {
        result_.problems.push_back(source.path.string() + source.problem);
      } else if (const auto [first, fresh] = first_with.try_emplace(source.music, source.path.string()); !fresh) {
        result_.problems.push_back(source.path.string() + ": the same music as " + first->second);
      } else {
        result_.pieces.push_back(std::move(source.piece));
      }
    }
  }

  music::PedalMode pedal_;
  const LoadOptions& options_;
  std::vector<Home> homes_;
  std::map<std::string, std::size_t> home_of_;
  std::vector<Source> sources_;
  std::unordered_map<std::string, std::string> first_path_;  // of a file, by its canonical path
  std::mutex progress_mutex_;
  std::size_t done_ = 0;
  Pieces result_;
};

}  // namespace

void add_load_options(CLI::App& command, LoadOptions& options) {
  command.add_option("--cache", options.cache,
                     "folder of the cache of parsed files (default: $XDG_CACHE_HOME/rondo or ~/.cache/rondo)");
  command.add_flag("!--no-cache", options.use_cache, "do not read or write the cache");
}

Pieces load(const std::vector<std::string>& paths, music::PedalMode pedal, const LoadOptions& options) {
  Pieces result = Loader(pedal, options)(paths);
  if (result.pieces.empty()) {
    std::string where;
    for (const std::string& path : paths) where += (where.empty() ? "" : ", ") + path;
    throw std::runtime_error(where + ": no MIDI file or ABC score with notes in it" +
                             (result.problems.empty() ? "" : "; first problem: " + result.problems[0]));
  }
  return result;
}

}  // namespace piano

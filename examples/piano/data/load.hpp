// SPDX-License-Identifier: MIT
// Loads pieces from paths: MIDI files, ABC scores, and folders with thousands of them. Files are read in parallel; the
// parsed pieces are kept in a cache (cache.hpp). An error in a file does not affect the other files.
#pragma once

#include <rondo/music/dataset.hpp>
#include <rondo/music/pedal.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace piano {

struct Pieces {
  std::vector<rondo::music::Piece> pieces;
  std::vector<std::string> problems;  // one line for each file or folder that was left out
};

/// So many pieces of a folder of shards are loaded, with about so many notes; only training reads all of them.
inline constexpr std::size_t kMaxShardPieces = 512, kMaxShardNotes = 100'000;

struct LoadOptions {
  bool use_cache = true;
  std::string cache;  // folder of the cache; empty: cache_folder()
  int threads = 0;    // 0: rondo::num_threads()
  /// Called with the number of files read and of all files, by one thread at a time, not always the caller's; `done`
  /// only grows.
  std::function<void(std::size_t done, std::size_t total)> progress;
};

/// --cache DIR and --no-cache.
void add_load_options(CLI::App& command, LoadOptions& options);

/// All pieces below these paths in that pedal mode, in order of the paths, and below a path in order of the file names.
/// The result does not depend on the number of threads or on the cache. Files that cannot be read are left out, with a
/// line in `problems`; so are duplicates: the same file by another path, or another file with the same notes and pedal,
/// so that no piece is in both training and validation. Of a folder of shards (shards.hpp) only a sample is loaded, the
/// same each time. Throws std::runtime_error if there is no piece or a path does not exist.
Pieces load(const std::vector<std::string>& paths, rondo::music::PedalMode pedal, const LoadOptions& options = {});

}  // namespace piano

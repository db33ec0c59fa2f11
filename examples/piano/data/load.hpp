// SPDX-License-Identifier: MIT
// From paths on a command line to pieces: MIDI files, ABC scores, and folders of thousands of both. Files are read side
// by side; what reading gave is kept in a cache (cache.hpp). Nothing that is wrong with a file stops the others.
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

struct LoadOptions {
  bool use_cache = true;
  std::string cache;  // its folder; empty: the user's, see cache_folder()
  int threads = 0;    // 0: as many as rondo::num_threads()
  /// Called with the files done and all there are, by one thread at a time, not always the caller's; `done` only grows.
  std::function<void(std::size_t done, std::size_t total)> progress;
};

/// Gives a command --cache DIR and --no-cache.
void add_load_options(CLI::App& command, LoadOptions& options);

/// Every piece below these paths, performances as a model of that pedal mode hears them, in order of the paths and
/// below each in order of its files' names; the same for any number of threads, with a cache or without. Left out with
/// a line are files that cannot be read, and music that is there already: the same file by another path, or another
/// file with the same notes and pedal, so that no piece is both learned from and judged by. Throws std::runtime_error
/// if there is no piece at all or a path does not exist.
Pieces load(const std::vector<std::string>& paths, rondo::music::PedalMode pedal, const LoadOptions& options = {});

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/data/tokenize.hpp"
#include "piano/data/parallel_for.hpp"
#include "piano/data/read_piece.hpp"
#include "piano/data/shards.hpp"

#include <rondo/cpu/threads.hpp>
#include <rondo/music/find_files.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace piano {

TokenizeResult tokenize(const TokenizeOptions& options) {
  constexpr std::size_t kFilesAtOnce = 512;
  TokenizeResult result;
  const auto leave_out = [&](const std::string& line) {
    ++result.problems;
    if (options.problem) options.problem(line);
  };
  std::vector<std::filesystem::path> files;
  for (const std::string& path : options.data) {
    auto found = rondo::music::find_files(path, is_music_name);
    for (const std::string& problem : found.problems) leave_out(problem);
    std::ranges::move(found.files, std::back_inserter(files));
  }
  std::unordered_set<std::uint64_t> known;  // hashes of the music that the shards have
  if (!options.keep_duplicates && is_shard_folder(options.out)) {
    const ShardSet there({options.out});
    for (std::size_t n = 0; n < there.size(); ++n) known.insert(there.music(n));
  }
  ShardWriter writer(options.out);
  const int threads = options.threads > 0 ? options.threads : rondo::num_threads();
  for (std::size_t first = 0; first < files.size(); first += kFilesAtOnce) {
    std::vector<ParsedPiece> parsed(std::min(kFilesAtOnce, files.size() - first));
    parallel_for(parsed.size(), threads, [&](std::size_t n) { parsed[n] = read_music(files[first + n]); });
    for (std::size_t n = 0; n < parsed.size(); ++n) {
      const auto& path = files[first + n];
      if (!parsed[n].problem.empty()) {
        leave_out(path.string() + parsed[n].problem);
      } else if (!options.keep_duplicates && !known.insert(parsed[n].music).second) {
        ++result.duplicates;
      } else {
        writer.add(path.stem().string(), parsed[n]);
        ++result.pieces;
        result.notes += parsed[n].piece.performance.notes.size();
      }
    }
    if (options.progress) options.progress(first + parsed.size(), files.size());
  }
  writer.finish();
  return result;
}

}  // namespace piano

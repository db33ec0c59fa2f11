// SPDX-License-Identifier: MIT
// Music files into shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace piano {

struct TokenizeOptions {
  std::vector<std::string> data;  // files and folders of music
  std::string out;                // folder of the shards; those that are there are kept, and more are added
  int threads = 0;                // 0: rondo::num_threads()
  bool keep_duplicates = false;   // also pieces whose notes and pedal are those of another one
  std::function<void(std::size_t done, std::size_t total)> progress;
  std::function<void(const std::string&)> problem;  // a line for each file that was left out
};

struct TokenizeResult {
  std::size_t pieces = 0, duplicates = 0, problems = 0;  // duplicates were left out, unless they are kept
  std::uint64_t notes = 0;
};

/// Reads files some hundred at a time, so that memory does not grow with their number. Throws std::runtime_error if the
/// shards cannot be written or read, or a path does not exist.
TokenizeResult tokenize(const TokenizeOptions& options);

}  // namespace piano

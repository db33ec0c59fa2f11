// SPDX-License-Identifier: MIT
// Damages files: flipped bits, cut, spliced and repeated parts. A reader refuses a damaged file with one line, or
// returns a model that runs; it takes less than a second and at most 16 times the file's memory. RONDO_DAMAGED_FILES is
// the number of files for each sample (default 1000). Link ../support/allocation_counter.cpp.
#pragma once

#include <rondo/core/random.hpp>
#include <rondo/io/self_test.hpp>
#include <rondo/io/streaming_model.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "support/allocation_counter.hpp"
#include "support/catch.hpp"
#include "support/damaged.hpp"

namespace rondo_test {

/// Runs a small model for three steps, and its self-test.
inline void run_briefly(const rondo::ModelDescription& model) {
  if (model.parameters() > 1000) return;
  self_test_difference(model);
  if (!model.streams()) return;
  rondo::StreamingModel<float> stream(model);
  const std::vector<float> x(static_cast<std::size_t>(model.input()), 0.5f);
  for (int n = 0; n < 3; ++n) stream.step(x);
}

/// Reads a file and runs the model, if it is one. parse: bytes to a ModelDescription, or rondo::error.
template <class Parse>
void read_and_run(const std::string& bytes, Parse parse) {
  try {
    run_briefly(parse(bytes));
  } catch (const rondo::error& e) {
    if (std::string(e.what()).find('\n') != std::string::npos) FAIL("a message of several lines: " << e.what());
  }
}

/// Reads and runs damaged copies of a file. parse: as above; characters and repeated: as of damaged().
template <class Parse>
void check_damaged_files(const std::string& file, std::string_view characters, std::string_view repeated, Parse parse) {
  const char* const text = std::getenv("RONDO_DAMAGED_FILES");
  const int count = text ? std::atoi(text) : 1000;
  REQUIRE_NOTHROW(parse(file));
  rondo::Rng rng(1);
  double most = 0, slowest = 0;  // bytes by the bytes allowed; seconds
  for (int n = 0; n < count; ++n) {
    const std::string bytes = damaged(file, rng, characters, repeated);
    INFO("file " << n);
    const auto start = std::chrono::steady_clock::now();
    REQUIRE_NOTHROW(read_and_run(bytes, [&](const std::string& b) {
      const std::size_t before = allocated_bytes();
      const auto note = [&] {
        // Everything requested counts, also what was freed at once; 64 KB are for streams, messages and small objects.
        const auto allowed = static_cast<double>(16 * (b.size() + 1000) + 65536);
        most = std::max(most, static_cast<double>(allocated_bytes() - before) / allowed);
      };
      try {
        rondo::ModelDescription model = parse(b);
        note();
        return model;
      } catch (...) {
        note();
        throw;
      }
    }));
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  CHECK(most <= 1);
  CHECK(slowest < 1);
}

}  // namespace rondo_test

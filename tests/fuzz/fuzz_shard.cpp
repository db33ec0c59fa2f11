// SPDX-License-Identifier: MIT
// For arbitrary bytes with right checksums a shard returns pieces that make tokens, or throws one error of one line.
#include "piano/data/shards.hpp"

#include <rondo/music/tokens.hpp>

#include "support/shard_checksums.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

void check(const std::string& bytes) {
  const piano::Shard shard(bytes, "shard");
  for (std::size_t n = 0; n < shard.size(); ++n) {
    const auto piece = apply_pedal_mode(shard.read(n), rondo::music::PedalMode::extend);
    rondo::music::encode(piece.performance);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  rondo_test::repair_checksums(bytes);
  try {
    check(bytes);
  } catch (const std::runtime_error& e) {
    if (std::string(e.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}

// SPDX-License-Identifier: MIT
// Makes the checksums of a damaged shard right again (docs/06-midi-and-tokens.md), so that the damage gets past them.
#pragma once

#include "piano/data/little_endian.hpp"

#include <rondo/music/hash.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace rondo_test {

inline void repair_checksums(std::string& shard) {
  constexpr std::size_t kSummed = 40, kHeader = 48, kIndexEntry = 28;
  if (shard.size() < kHeader) return;
  const auto put = [&](std::size_t at, std::uint64_t sum) {
    std::string bytes;
    piano::pack(bytes, sum);
    shard.replace(at, bytes.size(), bytes);
  };
  std::uint32_t count = 0;
  std::uint64_t index = 0;
  piano::unpack(shard.data() + 20, count, index);
  if (index > shard.size()) return;
  for (std::size_t n = 0, at = index; n < count && at + kIndexEntry <= shard.size(); ++n, at += kIndexEntry) {
    std::uint64_t position = 0;
    std::uint32_t size = 0;
    piano::unpack(shard.data() + at, position, size);
    if (position >= kHeader && size >= 8 && position <= index && size <= index - position)
      put(position, piano::checksum_of(std::string_view(shard).substr(position + 8, size - 8)));
  }
  const std::string_view all = shard;
  put(kSummed, rondo::music::mix(piano::checksum_of(all.substr(0, kSummed)) ^
                                 std::rotl(piano::checksum_of(all.substr(index)), 1)));
}

}  // namespace rondo_test

// SPDX-License-Identifier: MIT
// Numbers in the files that this program writes: little-endian, without padding; and their checksum.
#pragma once

#include <rondo/music/hash.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace piano {

namespace detail {

inline void to_little_endian(char* bytes, std::size_t size) {
  if constexpr (std::endian::native == std::endian::big) std::reverse(bytes, bytes + size);
}

}  // namespace detail

template <class... T>
void pack(std::string& out, const T&... values) {
  static_assert((std::is_arithmetic_v<T> && ...));
  const auto add = [&out](const auto& value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    detail::to_little_endian(bytes, sizeof value);
    out.append(bytes, sizeof value);
  };
  (add(values), ...);
}

/// Reads values in the order in which pack wrote them; the bytes must exist.
template <class... T>
void unpack(const char* at, T&... values) {
  const auto take = [&at](auto& value) {
    char bytes[sizeof value];
    std::memcpy(bytes, at, sizeof value);
    detail::to_little_endian(bytes, sizeof value);
    std::memcpy(&value, bytes, sizeof value);
    at += sizeof value;
  };
  (take(values), ...);
}

/// Detects corruption and truncation, not tampering; eight bytes at a time.
inline std::uint64_t checksum_of(std::string_view bytes) {
  std::uint64_t sum = bytes.size();
  while (!bytes.empty()) {
    char word_bytes[sizeof(std::uint64_t)] = {};
    const std::size_t size = std::min(bytes.size(), sizeof word_bytes);
    std::memcpy(word_bytes, bytes.data(), size);
    std::uint64_t word = 0;
    unpack(word_bytes, word);
    sum = (std::rotl(sum, 23) ^ word) * 0x9e3779b97f4a7c15u;
    bytes.remove_prefix(size);
  }
  return rondo::music::mix(sum);
}

}  // namespace piano

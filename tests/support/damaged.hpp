// SPDX-License-Identifier: MIT
// Damages the bytes of a file: flipped bits, cut, spliced and repeated parts.
#pragma once

#include <rondo/core/random.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rondo_test {

/// One to three damages. characters may replace a byte; one of `repeated` is inserted many times.
inline std::string damaged(std::string bytes, rondo::Rng& rng, std::string_view characters, std::string_view repeated) {
  const auto below = [&](std::size_t n) { return rng.below(static_cast<std::uint32_t>(n)); };
  const auto place = [&] { return static_cast<std::size_t>(below(bytes.size() + 1)); };
  for (std::uint32_t n = 1 + rng.below(3); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = place(), other = place(), count = rng.below(40);
    switch (rng.below(6)) {
      case 0:
        bytes[at % bytes.size()] = static_cast<char>(bytes[at % bytes.size()] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, count);
        break;
      case 3:
        bytes.insert(at, bytes.substr(other, count));
        break;
      case 4:
        bytes[at % bytes.size()] = characters[below(characters.size())];
        break;
      default:
        bytes.insert(at, std::string(1 + rng.below(20), repeated[below(repeated.size())]));
    }
  }
  return bytes;
}

}  // namespace rondo_test

// SPDX-License-Identifier: MIT
#include <rondo/music/permutation.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using rondo::music::Permutation;

TEST_CASE("A permutation has every number once") {
  for (std::uint64_t count = 1; count < 300; ++count)
    for (const std::uint64_t seed : {0u, 1u, 77u}) {
      const Permutation order(count, seed);
      std::vector<bool> seen(count);
      for (std::uint64_t n = 0; n < count; ++n) {
        const std::uint64_t at = order(n);
        REQUIRE(at < count);
        REQUIRE(!seen[at]);
        seen[at] = true;
      }
    }
  CHECK_THROWS_AS(Permutation(0, 1), std::invalid_argument);
}

TEST_CASE("A permutation looks random: distances of neighbours, and where things end up") {
  constexpr std::uint64_t kCount = 50'000;
  const Permutation order(kCount, 3), other(kCount, 4);
  double near = 0, distance = 0, fixed = 0, product = 0;
  for (std::uint64_t n = 0; n + 1 < kCount; ++n) {
    const auto a = static_cast<double>(order(n)), b = static_cast<double>(order(n + 1));
    distance += std::abs(a - b) / kCount;
    near += std::abs(a - b) < 100;
    fixed += order(n) == other(n);
    product += (a / kCount - 0.5) * (static_cast<double>(n) / kCount - 0.5);
  }
  // Of random pairs: a third apart on average, 2 * 100 / kCount nearer than 100, one in kCount equal, not correlated.
  CHECK(std::abs(distance / kCount - 1.0 / 3) < 0.005);
  CHECK(std::abs(near / kCount - 200.0 / kCount) < 5 * std::sqrt(200.0) / kCount);
  CHECK(fixed < 8);
  CHECK(std::abs(product / kCount) < 0.002);
}

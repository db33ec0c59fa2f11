// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <rondo/core/random.hpp>

#include "support/catch.hpp"

using namespace rondo;

// Known answers for philox4x32-10 that its authors publish with Random123 (kat_vectors): counter and key of all zeros,
// of all ones, and of the digits of pi.
TEST_CASE("philox reproduces its authors' known answers") {
  STATIC_REQUIRE(philox({0, 0, 0, 0}, {0, 0}) ==
                 std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a generator enumerates philox's blocks") {
  Rng rng(0);
  for (const std::uint32_t wanted : philox({0, 0, 0, 0}, {0, 0})) CHECK(rng() == wanted);
  for (const std::uint32_t wanted : philox({1, 0, 0, 0}, {0, 0})) CHECK(rng() == wanted);
  Rng seeded(0x0123456789abcdef, 0xfedcba9876543210);
  CHECK(seeded() == philox({0, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567})[0]);
}

TEST_CASE("a generator resumes from its state at any point, and copies are independent") {
  Rng rng(7, 3);
  for (int drawn = 0; drawn < 9; ++drawn) {
    Rng resumed(rng.state()), copied = rng;
    for (int n = 0; n < 6; ++n) {
      const auto wanted = Rng(copied)();
      CHECK(resumed() == wanted);
      CHECK(copied() == wanted);
    }
    CHECK(resumed.state().drawn == rng.state().drawn + 6);
    rng();
  }
}

TEST_CASE("seeds and streams are independent") {
  const auto first = [](Rng rng) { return rng(); };
  CHECK(first(Rng(1)) != first(Rng(2)));
  CHECK(first(Rng(1, 0)) != first(Rng(1, 1)));
}

TEST_CASE("a state past 2^32 draws carries into the counter's second word") {
  Rng rng(Rng::State{0, 0, std::uint64_t{1} << 34});
  CHECK(rng() == philox({0, 1, 0, 0}, {0, 0})[0]);
}

// Each moment within four standard errors; the seed is fixed, so the result is deterministic.
TEST_CASE("uniform has the moments of the uniform distribution and stays in [0, 1)") {
  Rng rng(11);
  const int n = 200000;
  double sum = 0, squares = 0, lowest = 1, highest = 0, lag = 0, last = 0;
  for (int k = 0; k < n; ++k) {
    const double u = rng.uniform();
    sum += u, squares += u * u, lag += (u - 0.5) * (last - 0.5), last = u;
    lowest = std::min(lowest, u), highest = std::max(highest, u);
  }
  CHECK(lowest >= 0);
  CHECK(highest < 1);
  CHECK(highest - lowest > 0.9999);
  CHECK(std::abs(sum / n - 0.5) < 4 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / n));
  CHECK(std::abs(lag / n) < 4 * (1.0 / 12) / std::sqrt(n));
}

TEST_CASE("normal has the first four moments of the normal distribution") {
  Rng rng(12);
  const int n = 200000;
  std::array<double, 5> moment{};
  for (int k = 0; k < n; ++k) {
    const double z = rng.normal();
    for (int p = 1; p <= 4; ++p) moment[std::size_t(p)] += std::pow(z, p) / n;
  }
  // variances of z, z^2, z^3, z^4: 1, 2, 15, 96
  CHECK(std::abs(moment[1]) < 4 * std::sqrt(1.0 / n));
  CHECK(std::abs(moment[2] - 1) < 4 * std::sqrt(2.0 / n));
  CHECK(std::abs(moment[3]) < 4 * std::sqrt(15.0 / n));
  CHECK(std::abs(moment[4] - 3) < 4 * std::sqrt(96.0 / n));
}

TEST_CASE("below is uniform") {
  Rng rng(13);
  const int n = 70000;
  std::array<int, 7> seen{};
  for (int k = 0; k < n; ++k) ++seen.at(rng.below(7));
  double chi_square = 0;
  for (const int count : seen) chi_square += std::pow(count - n / 7.0, 2) / (n / 7.0);
  CHECK(chi_square < 22.46);  // 6 degrees of freedom: exceeded once in a thousand seeds
  CHECK(rng.below(1) == 0);
}

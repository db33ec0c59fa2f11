// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include <rondo/sampling.hpp>

#include "support/catch.hpp"

using namespace rondo;

namespace {

// Probabilities 0.1 0.4 0.05 0.3 0.15 as logits, with an arbitrary offset.
const std::vector<double> kProbabilities = {0.1, 0.4, 0.05, 0.3, 0.15};
std::vector<double> logits() {
  std::vector<double> z;
  for (const double p : kProbabilities) z.push_back(std::log(p) + 3);
  return z;
}

using Shares = std::vector<std::pair<std::int32_t, double>>;

/// Compares the tokens and probabilities that a configuration keeps, most likely first, with results computed by hand.
void check_distribution(const SamplingConfig& config, const Shares& wanted,
                        const std::vector<std::uint8_t>& allowed = {}) {
  Sampler sampler(config);
  const auto z = logits();
  const auto got = sampler.distribution(std::span<const double>(z), allowed);
  REQUIRE(got.size() == wanted.size());
  for (std::size_t n = 0; n < wanted.size(); ++n) {
    CHECK(got[n].token == wanted[n].first);
    CHECK(got[n].probability == Approx(wanted[n].second).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("without filters: the model's distribution, most likely first") {
  check_distribution({}, {{1, 0.4}, {3, 0.3}, {4, 0.15}, {0, 0.1}, {2, 0.05}});
}

TEST_CASE("temperature raises probabilities to a power; zero selects the most likely") {
  const double sum = 0.16 + 0.09 + 0.0225 + 0.01 + 0.0025;  // squares: temperature 1/2
  check_distribution({.temperature = 0.5},
                     {{1, 0.16 / sum}, {3, 0.09 / sum}, {4, 0.0225 / sum}, {0, 0.01 / sum}, {2, 0.0025 / sum}});
  check_distribution({.temperature = 0}, {{1, 1}});
  Sampler cold({.temperature = 1e-3}), hot({.temperature = 1e6});
  const auto z = logits();
  CHECK(cold.distribution(std::span<const double>(z), {})[0].probability == Approx(1).epsilon(1e-12));
  for (const auto& candidate : hot.distribution(std::span<const double>(z), {}))
    CHECK(candidate.probability == Approx(0.2).epsilon(1e-5));
}

TEST_CASE("top-k keeps the k most likely") {
  check_distribution({.top_k = 2}, {{1, 4 / 7.0}, {3, 3 / 7.0}});
  check_distribution({.top_k = 9}, {{1, 0.4}, {3, 0.3}, {4, 0.15}, {0, 0.1}, {2, 0.05}});
}

TEST_CASE("top-p keeps the smallest set with probability p") {
  check_distribution({.top_p = 0.69}, {{1, 4 / 7.0}, {3, 3 / 7.0}});
  check_distribution({.top_p = 0.71}, {{1, 0.4 / 0.85}, {3, 0.3 / 0.85}, {4, 0.15 / 0.85}});
  check_distribution({.top_p = 1e-9}, {{1, 1}});
}

TEST_CASE("min-p keeps tokens above a fraction of the highest probability") {
  check_distribution({.min_p = 0.35}, {{1, 0.4 / 0.85}, {3, 0.3 / 0.85}, {4, 0.15 / 0.85}});
  check_distribution({.min_p = 0.99}, {{1, 1}});
}

TEST_CASE("filters apply in order, each to the renormalised rest") {
  // top-k 3 leaves 8/17 6/17 3/17; top-p 0.8 of that keeps the first two (14/17 = 0.82); without top-k it keeps three
  check_distribution({.top_k = 3, .top_p = 0.8}, {{1, 4 / 7.0}, {3, 3 / 7.0}});
  check_distribution({.top_p = 0.8}, {{1, 0.4 / 0.85}, {3, 0.3 / 0.85}, {4, 0.15 / 0.85}});
  check_distribution({.top_k = 3, .min_p = 0.5}, {{1, 4 / 7.0}, {3, 3 / 7.0}});
}

TEST_CASE("the mask applies first: filters use the allowed tokens only") {
  check_distribution({}, {{4, 0.15 / 0.3}, {0, 0.1 / 0.3}, {2, 0.05 / 0.3}}, {1, 0, 1, 0, 1});
  check_distribution({.top_k = 1}, {{0, 1}}, {1, 0, 1, 0, 0});
  Sampler sampler({});
  const auto z = logits();
  const std::vector<std::uint8_t> none(5, 0);
  CHECK_THROWS_WITH(sampler.distribution(std::span<const double>(z), none), "sampling: no token is allowed");
}

TEST_CASE("a NaN logit is an error") {
  Sampler sampler({});
  const std::vector<float> z = {1, std::numeric_limits<float>::quiet_NaN(), 2};
  const std::vector<std::uint8_t> others = {1, 0, 1};
  CHECK_THROWS_WITH(sampler.distribution(std::span<const float>(z), {}),
                    "sampling: the logit of token 1 is not a number");
  CHECK(sampler.distribution(std::span<const float>(z), others).size() == 2);
}

TEST_CASE("equally likely tokens are ordered by their ids") {
  Sampler sampler({.top_k = 2});
  const std::vector<float> z = {1, 5, 5, 5};
  const auto got = sampler.distribution(std::span<const float>(z), {});
  CHECK(got[0].token == 1);
  CHECK(got[1].token == 2);
}

TEST_CASE("draws follow the distribution, are reproducible by seed, and return the model's log-probability") {
  const SamplingConfig config{.temperature = 0.5, .top_k = 4};
  const std::vector<std::uint8_t> allowed = {1, 1, 1, 1, 0};
  const double sum = 0.16 + 0.09 + 0.01 + 0.0025;
  const std::map<std::int32_t, double> share = {{1, 0.16 / sum}, {3, 0.09 / sum}, {0, 0.01 / sum}, {2, 0.0025 / sum}};
  const auto z = logits();
  Sampler sampler(config), again(config);
  Rng rng(1), same(1);
  std::map<std::int32_t, int> seen;
  const int n = 20000;
  for (int k = 0; k < n; ++k) {
    const auto choice = sampler(std::span<const double>(z), allowed, rng);
    REQUIRE(again(std::span<const double>(z), allowed, same).token == choice.token);
    REQUIRE(choice.log_probability == Approx(std::log(kProbabilities[std::size_t(choice.token)])).epsilon(1e-12));
    ++seen[choice.token];
  }
  CHECK(seen.count(4) == 0);
  double chi_square = 0;
  for (const auto& [token, p] : share) chi_square += std::pow(seen[token] - n * p, 2) / (n * p);
  CHECK(chi_square < 16.27);  // 3 degrees of freedom: exceeded once in a thousand seeds
}

TEST_CASE("a setting out of range is an error that names it") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(Sampler({.temperature = -1}), "sampling: temperature is -1, wanted a number >= 0");
  CHECK_THROWS_AS(Sampler({.temperature = nan}), error);
  CHECK_THROWS_AS(Sampler({.temperature = std::numeric_limits<double>::infinity()}), error);
  CHECK_THROWS_WITH(Sampler({.top_k = -3}), "sampling: top_k is -3, wanted >= 0");
  CHECK_THROWS_WITH(Sampler({.top_p = 0}), "sampling: top_p is 0, wanted (0, 1]");
  CHECK_THROWS_WITH(Sampler({.top_p = 1.5}), "sampling: top_p is 1.5, wanted (0, 1]");
  CHECK_THROWS_AS(Sampler({.top_p = nan}), error);
  CHECK_THROWS_WITH(Sampler({.min_p = 1}), "sampling: min_p is 1, wanted [0, 1)");
  CHECK_NOTHROW(Sampler({.temperature = 0, .top_k = 0, .top_p = 1, .min_p = 0}));
}

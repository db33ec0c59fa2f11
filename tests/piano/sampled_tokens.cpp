// SPDX-License-Identifier: MIT
// Temperature, top-k, top-p and min-p together with the grammar: each sampled token is one of those that a second
// implementation allows.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include <rondo/music/grammar.hpp>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;

namespace {

/// The tokens that can be sampled: those of the grammar, with the kinds as probable as before the mask, then the
/// filters one by one, in double. Thresholds are loose by `slack`, for tokens at the threshold.
std::set<music::Token> left_over(const std::vector<float>& logits, const music::Grammar& grammar,
                                 const rondo::SamplingConfig& config, double slack) {
  std::array<double, music::kEventKinds> whole{}, left{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto token = static_cast<music::Token>(i);
    const double weight = std::exp(static_cast<double>(logits[i]));
    whole[static_cast<std::size_t>(music::kind_of(token))] += weight;
    if (grammar.allows(token)) left[static_cast<std::size_t>(music::kind_of(token))] += weight;
  }
  std::vector<std::pair<double, music::Token>> rest;  // tempered weights
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto token = static_cast<music::Token>(i);
    const auto kind = static_cast<std::size_t>(music::kind_of(token));
    if (!grammar.allows(token)) continue;
    const double p = std::exp(static_cast<double>(logits[i])) * whole[kind] / left[kind];
    rest.emplace_back(std::pow(p, 1 / config.temperature), token);
  }
  std::ranges::sort(rest, std::greater{});
  const auto sum = [&] {
    double all = 0;
    for (const auto& [weight, token] : rest) all += weight;
    return all;
  };
  const auto k = static_cast<std::size_t>(config.top_k);
  if (k > 0 && rest.size() > k) {
    const double least = rest[k - 1].first * (1 - slack);
    std::erase_if(rest, [&](const auto& r) { return r.first < least; });
  }
  double all = sum(), before = 0;
  std::erase_if(rest, [&](const auto& r) {
    const bool reached = before > (config.top_p + slack) * all;
    before += r.first;
    return reached;
  });
  const double least = config.min_p * rest.front().first * (1 - slack);
  std::erase_if(rest, [&](const auto& r) { return r.first < least; });
  std::set<music::Token> tokens;
  for (const auto& [weight, token] : rest) tokens.insert(token);
  return tokens;
}

}  // namespace

TEST_CASE("Every sampled token is allowed by the grammar and all filters") {
  const music::InputSpec input_spec{music::kVocabularyWithPedal, {.active_notes = true}};
  std::size_t sampled = 0, choices = 0, most = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto model = random_model(input_spec, seed);
    for (const rondo::SamplingConfig& config : {rondo::SamplingConfig{.temperature = 0.7, .top_k = 12, .top_p = 0.9},
                                                {.temperature = 1.5, .top_k = 40, .top_p = 0.8, .min_p = 0.1},
                                                {.temperature = 1, .top_p = 0.3},
                                                {.temperature = 2, .min_p = 0.4},
                                                {.temperature = 1.2, .top_k = 2}}) {
      INFO("model " << seed << ", temperature " << config.temperature << ", top-k " << config.top_k << ", top-p "
                    << config.top_p << ", min-p " << config.min_p);
      const Played played = play(model, input_spec, {.plan = free_play(12), .sampling = config, .seed = seed});
      music::Grammar grammar({.pedal = true});
      // The first token is the opening; the last sampled one is a time shift to the end, which the end replaces.
      for (std::size_t t = 0; t + 1 < played.piece.sampled; ++t) {
        grammar.feed(played.tokens[t]);
        const auto left = left_over(played.logits[t], grammar, config, 1e-5);
        INFO("token " << t + 1 << ": " << music::name(played.tokens[t + 1]) << ", of " << left.size());
        REQUIRE(left.contains(played.tokens[t + 1]));
        ++sampled, choices += left.size(), most = std::max(most, left.size());
      }
    }
  }
  CHECK(sampled > 300);
  CHECK(choices > 2 * sampled);  // there was more than one choice
  CHECK(most > 50);
}

TEST_CASE("At temperature 0 the most likely allowed token is chosen") {
  const music::InputSpec input_spec{};
  const auto model = random_model(input_spec, 9);
  const Played played = play(model, input_spec, {.plan = free_play(8), .sampling = {.temperature = 0}, .seed = 1});
  music::Grammar grammar;
  REQUIRE(played.piece.sampled > 20);
  for (std::size_t t = 0; t + 1 < played.piece.sampled; ++t) {
    grammar.feed(played.tokens[t]);
    REQUIRE(left_over(played.logits[t], grammar, {.temperature = 1, .top_k = 1}, 1e-5).contains(played.tokens[t + 1]));
  }
}

TEST_CASE("The nats of a result include all sampled tokens, also the time shift to the end") {
  const music::InputSpec input_spec{music::kVocabulary, {.key = true, .active_notes = true}};
  const auto nats = [](const std::vector<float>& logits, music::Token token) {
    double sum = 0;
    for (float z : logits) sum += std::exp(static_cast<double>(z));
    return std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(token)]);
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto model = random_model(input_spec, seed);
    const Played played =
        play(model, input_spec, {.plan = free_play(6), .sampling = {.temperature = 1.5, .top_k = 30}, .seed = seed});
    double sum = 0;
    const std::size_t last = played.piece.sampled - 1;
    std::int64_t now = 0;
    for (std::size_t t = 0; t < last; ++t) {
      sum += nats(played.logits[t], played.tokens[t + 1]);
      if (const auto e = music::event_of(played.tokens[t + 1]); e.kind == music::EventKind::time_shift) now += e.value;
    }
    int fitting = 0;
    for (int steps = 1; steps <= music::kMaxShift; ++steps)
      fitting += now + steps >= 600 &&
                 std::abs(sum + nats(played.logits[last], music::time_shift(steps)) - played.piece.nats) < 1e-4;
    CHECK(fitting >= 1);
  }
}

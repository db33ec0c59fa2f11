// SPDX-License-Identifier: MIT
// A player and a model at one keyboard: the model's events are well-formed whatever the player does, and what was
// dropped leaves no trace.
#include "piano/generation/live.hpp"

#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "piano/random_models.hpp"
#include "support/catch.hpp"

using namespace piano;
using namespace rondo_test;
using music::EventKind;

namespace {

std::vector<std::tuple<std::int64_t, int, int>> rows(const Live& live) {
  std::vector<std::tuple<std::int64_t, int, int>> all;
  for (const LiveEvent& e : live.events()) all.emplace_back(e.step, e.pitch, e.velocity);
  return all;
}

std::vector<LiveEvent> onsets_from(const Live& live, std::int64_t step) {
  std::vector<LiveEvent> all;
  for (const LiveEvent& e : live.events())
    if (e.velocity > 0 && e.step >= step) all.push_back(e);
  return all;
}

}  // namespace

TEST_CASE("The model's keys go down and up in turn, in order of time, and never on a key that the player holds") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const auto model = random_model(kPageSpec, seed);
    Live live(model, kPageSpec, music::PedalMode::extend, kOpening, {}, seed);
    std::mt19937 random(seed);
    std::int64_t now = 0;
    std::map<int, std::int64_t> down;                                        // keys of the player, since when
    std::map<int, std::vector<std::pair<std::int64_t, std::int64_t>>> held;  // for each pitch, when
    for (int i = 0; i < 150; ++i) {
      now += random() % 30;
      const int pitch = 50 + static_cast<int>(random() % 20);
      const bool press = !down.contains(pitch);
      live.key(now, pitch, press ? 1 + static_cast<int>(random() % 127) : 0);
      if (press) {
        down[pitch] = now;
      } else {
        held[pitch].emplace_back(down[pitch], now);
        down.erase(pitch);
      }
      REQUIRE(live.generate(now + 100, 1000));
    }
    std::int64_t last = 0;
    std::map<int, bool> on;
    for (const LiveEvent& e : live.events()) {
      REQUIRE(e.step >= last);
      last = e.step;
      REQUIRE(on[e.pitch] == (e.velocity == 0));
      on[e.pitch] = e.velocity > 0;
      for (const auto& [begin, end] : held[e.pitch])
        if (e.velocity > 0 && end - begin < 500) CHECK_FALSE((begin < e.step && e.step < end));
    }
    CHECK(live.events().size() > 100);
    CHECK(live.generated() > live.events().size());
  }
}

TEST_CASE("What was dropped leaves no trace") {
  const auto model = random_model(kPageSpec, 7);
  const LiveSettings greedy{.sampling = {.temperature = 0}, .condition_values = {}};
  const auto played = [&](std::int64_t ahead) {
    Live live(model, kPageSpec, music::PedalMode::extend, kOpening, greedy, 1);
    for (std::int64_t step : {20, 31, 90, 91, 250, 400}) {
      live.key(step, 60 + static_cast<int>(step % 5), 70);
      REQUIRE(live.generate(step + ahead, 5000));
      live.key(step + 8, 60 + static_cast<int>(step % 5), 0);
      REQUIRE(live.generate(step + ahead, 5000));
    }
    live.end_turn(420);
    return rows(live);
  };
  const auto expected = played(170);
  CHECK(expected.size() > 6);
  CHECK(played(300) == expected);
  CHECK(played(1000) == expected);
}

TEST_CASE("A report says which events are as they were") {
  const auto model = random_model(kPageSpec, 3);
  Live live(model, kPageSpec, music::PedalMode::extend, kOpening, {}, 1);
  live.key(0, 60, 80);
  live.generate(300, 5000);
  CHECK(live.take_unchanged() == 0);
  const auto before = rows(live);
  live.key(150, 62, 80);
  live.generate(400, 5000);
  const std::size_t unchanged = live.take_unchanged();
  const auto after = rows(live);
  REQUIRE(unchanged < before.size());
  CHECK(std::vector(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(unchanged)) ==
        std::vector(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(unchanged)));
  for (std::size_t i = 0; i < unchanged; ++i) CHECK(std::get<0>(before[i]) <= 150);
  for (std::size_t i = unchanged; i < before.size(); ++i) CHECK(std::get<0>(before[i]) > 150);
}

TEST_CASE("A turn's first note comes within 0.2 s, and its notes end with it") {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    const auto model = random_model(kPageSpec, seed);
    Live live(model, kPageSpec, music::PedalMode::extend, kOpening, {}, seed);
    live.key(0, 64, 90);
    live.key(30, 64, 0);
    live.begin_turn(80);
    live.generate(400, 5000);
    const auto onsets = onsets_from(live, 0);
    REQUIRE_FALSE(onsets.empty());
    CHECK(onsets.front().step >= 80);
    CHECK(onsets.front().step <= 100);
    live.end_turn(200);
    std::map<int, bool> on;
    for (const LiveEvent& e : live.events()) {
      CHECK(e.step <= 200);
      on[e.pitch] = e.velocity > 0;
    }
    for (const auto& [pitch, is_on] : on) CHECK_FALSE(is_on);
  }
}

TEST_CASE("The model stays in its register, and a note that the pedal holds is not struck") {
  const auto model = random_model(kPageSpec, 5);
  LiveSettings low{.sampling = {}, .condition_values = {}, .lowest = 36, .highest = 48};
  Live live(model, kPageSpec, music::PedalMode::extend, kOpening, low, 2);
  live.key(0, 72, 80);
  live.generate(2000, 20000);
  CHECK(onsets_from(live, 0).size() > 20);
  for (const LiveEvent& e : onsets_from(live, 0)) CHECK((e.pitch >= 36 && e.pitch <= 48));

  low.lowest = low.highest = 60;
  Live held(model, kPageSpec, music::PedalMode::extend, kOpening, low, 2);
  held.pedal(0, true);
  held.key(0, 60, 80);
  held.key(10, 60, 0);
  held.generate(300, 5000);
  CHECK(onsets_from(held, 0).empty());
  held.pedal(40, false);
  held.generate(600, 5000);
  CHECK_FALSE(onsets_from(held, 40).empty());
}

TEST_CASE("The model is not given long silences") {
  const auto model = random_model(kPageSpec, 5);
  Live live(model, kPageSpec, music::PedalMode::extend, kOpening, {}, 2);
  live.key(0, 60, 80);
  live.key(20, 60, 0);
  live.key(60 * 60 * music::kStepsPerSecond, 62, 80);  // an hour later
  CHECK(live.now() == 60 * 60 * music::kStepsPerSecond);
  live.begin_turn(live.now() + 10);
  live.generate(live.now() + 200, 5000);
  CHECK(live.events().front().step >= 60 * 60 * music::kStepsPerSecond + 10);
}

TEST_CASE("The recorded tokens say which are the player's, and those that are settled are never dropped") {
  const auto model = random_model(kPageSpec, 4);
  Live live(model, kPageSpec, music::PedalMode::extend, kOpening, {}, 3);
  std::vector<int> played;
  std::vector<LiveToken> settled;
  std::int64_t now = 0;
  for (int i = 0; i < 30; ++i) {
    const int pitch = 30 + 2 * i;
    live.key(now, pitch, 50 + i);
    live.key(now + 9, pitch, 0);
    played.push_back(pitch);
    REQUIRE(live.generate(now + 150, 5000));  // most of it is dropped by the next key
    REQUIRE(live.settled() >= settled.size());
    for (std::size_t k = 0; k < settled.size(); ++k) REQUIRE(live.tokens()[k].ids == settled[k].ids);
    settled.assign(live.tokens().begin(), live.tokens().begin() + static_cast<std::ptrdiff_t>(live.settled()));
    now += 60;
  }
  std::vector<int> given, sampled, heard;
  std::int64_t step = 0;
  std::size_t given_tokens = 0;
  for (const LiveToken& t : live.tokens()) {
    const auto [kind, value] = music::event_of(t.token);
    if (kind == EventKind::time_shift) step += value;
    REQUIRE(t.step == step);
    REQUIRE(t.ids[0] == t.token);
    if (kind == EventKind::note_on) (t.given ? given : sampled).push_back(value);
    given_tokens += t.given;
  }
  for (const LiveEvent& e : live.events())
    if (e.velocity > 0) heard.push_back(e.pitch);
  CHECK(given == played);
  CHECK(sampled == heard);
  CHECK(sampled.size() > 20);
  CHECK(live.given_tokens() == given_tokens - 1);  // the first token of all was not predicted

  live.forget_tokens(5);
  CHECK(live.tokens().front().ids == settled[5].ids);
  CHECK(live.settled() == settled.size() - 5);
}

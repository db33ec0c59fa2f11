// SPDX-License-Identifier: MIT
#include <rondo/music/key.hpp>

#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace rondo::music;

namespace {

std::array<double, 12> histogram(std::initializer_list<int> classes) {
  std::array<double, 12> counts{};
  for (int c : classes) counts[static_cast<std::size_t>(c % 12)] += 1;
  return counts;
}

std::array<double, 12> moved(const std::array<double, 12>& counts, int semitones) {
  std::array<double, 12> up{};
  for (std::size_t c = 0; c < 12; ++c) up[(c + static_cast<std::size_t>(semitones + 12)) % 12] = counts[c];
  return up;
}

}  // namespace

TEST_CASE("find_key selects the key whose profile has the highest correlation") {
  // numpy: for h in default_rng(20).integers(0, 31, 12), in order, argmax over mode and tonic of
  // corrcoef(h, roll(profile, tonic)); here the first h of each key, C major to B minor, whose correlation exceeds that
  // of the next key by at least 0.01. Profiles: Krumhansl and Kessler 1982.
  constexpr std::array<std::array<double, 12>, kKeys> kFound = {{
      {{27, 8, 8, 14, 27, 3, 7, 16, 7, 12, 10, 2}},      {{20, 23, 6, 5, 0, 23, 12, 7, 20, 16, 15, 6}},
      {{8, 5, 25, 26, 3, 19, 27, 26, 27, 21, 2, 19}},    {{6, 13, 8, 29, 4, 22, 21, 25, 10, 25, 28, 8}},
      {{3, 5, 2, 2, 25, 1, 2, 4, 23, 7, 10, 7}},         {{11, 15, 11, 14, 18, 30, 3, 27, 16, 20, 21, 0}},
      {{14, 16, 8, 4, 23, 4, 26, 16, 11, 1, 24, 10}},    {{30, 10, 28, 17, 1, 2, 24, 28, 8, 6, 17, 16}},
      {{19, 21, 11, 11, 5, 9, 11, 22, 28, 21, 12, 15}},  {{1, 28, 30, 13, 17, 13, 17, 11, 13, 27, 8, 1}},
      {{22, 6, 26, 21, 16, 30, 21, 2, 16, 23, 27, 9}},   {{7, 16, 4, 22, 18, 30, 11, 8, 8, 15, 6, 26}},
      {{22, 4, 11, 14, 13, 5, 16, 15, 16, 2, 13, 0}},    {{13, 21, 4, 19, 12, 14, 16, 9, 21, 28, 4, 2}},
      {{1, 1, 27, 10, 20, 16, 1, 3, 18, 6, 16, 5}},      {{1, 3, 20, 30, 28, 21, 28, 13, 17, 19, 12, 8}},
      {{4, 16, 9, 25, 28, 26, 14, 23, 6, 18, 6, 22}},    {{13, 11, 5, 11, 15, 28, 18, 27, 30, 18, 16, 8}},
      {{23, 23, 15, 11, 2, 7, 27, 14, 30, 24, 3, 16}},   {{21, 9, 17, 2, 6, 1, 19, 25, 27, 25, 28, 0}},
      {{8, 4, 12, 11, 7, 8, 9, 19, 25, 21, 3, 21}},      {{21, 7, 7, 24, 20, 27, 14, 4, 28, 29, 5, 29}},
      {{7, 16, 20, 12, 11, 30, 23, 11, 27, 16, 29, 12}}, {{22, 11, 14, 1, 14, 9, 20, 10, 1, 19, 26, 19}},
  }};
  for (int key = 0; key < kKeys; ++key) {
    INFO(key_name(key));
    CHECK(find_key(kFound[static_cast<std::size_t>(key)]) == key);
    auto louder = kFound[static_cast<std::size_t>(key)];
    for (double& count : louder) count = 3 * count + 100;  // correlation is invariant to scale and offset
    CHECK(find_key(louder) == key);
  }
}

TEST_CASE("Scales and triads have their keys, and note frequencies distinguish relative keys") {
  CHECK(find_key(histogram({0, 2, 4, 5, 7, 9, 11})) == key_named("C major"));
  CHECK(find_key(histogram({9, 11, 0, 2, 4, 5, 8})) == key_named("A minor"));  // harmonic
  CHECK(find_key(histogram({0, 4, 7})) == key_named("C major"));
  CHECK(find_key(histogram({9, 0, 4})) == key_named("A minor"));
  CHECK(find_key(histogram({0, 2, 4, 5, 7, 9, 11, 0, 4, 7})) == key_named("C major"));
  CHECK(find_key(histogram({0, 2, 4, 5, 7, 9, 11, 9, 0, 4})) == key_named("A minor"));
  CHECK(find_key({}) == -1);
  CHECK(find_key(histogram({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})) == -1);
}

TEST_CASE("Transposing notes transposes the key") {
  for (const auto& counts : {histogram({0, 2, 4, 5, 7, 9, 11, 0, 4, 7}), histogram({9, 11, 0, 2, 4, 5, 8, 9, 0, 4})})
    for (int semitones = -12; semitones <= 12; ++semitones) {
      INFO(semitones << " semitones");
      CHECK(find_key(moved(counts, semitones)) == transpose_key(find_key(counts), semitones));
    }
  CHECK(transpose_key(key_named("B minor"), 1) == key_named("C minor"));
  CHECK(transpose_key(key_named("C major"), -25) == key_named("B major"));
  CHECK(transpose_key(-1, 5) == -1);
}

TEST_CASE("Keys by name") {
  const std::pair<const char*, int> known[] = {
      {"C", 0},         {"c", 0},         {"C major", 0}, {"Cmaj", 0},     {"G maj", 7},
      {"F#", 6},        {"Gb", 6},        {"Cb", 11},     {"B#", 0},       {"b", 11},
      {"bb", 10},       {"Bb major", 10}, {"Am", 21},     {"a minor", 21}, {"a-minor", 21},
      {"F# minor", 18}, {"bb min", 22},   {"Cbm", 23},    {"C Major", 0},  {"e MINOR", 16},
  };
  for (const auto& [text, key] : known) {
    INFO(text);
    CHECK(key_named(text) == key);
  }
  for (int key = 0; key < kKeys; ++key) CHECK(key_named(key_name(key)) == key);
  CHECK(key_name(0) == "C major");
  CHECK(key_name(18) == "F# minor");
  CHECK(key_name(22) == "Bb minor");
  CHECK(key_name(-1).empty());
  CHECK(key_name(kKeys).empty());
  for (const char* text : {"", "H", "C dur", "C##", "major", "M", "CM", "1", "C major7", " C", "C major "}) {
    INFO("'" << text << "'");
    CHECK_THROWS_WITH(key_named(text),
                      "key: '" + std::string(text) + "' is none; wanted e.g. 'C major', 'F# minor', 'Am'");
  }
}

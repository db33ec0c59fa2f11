// SPDX-License-Identifier: MIT
// The folk tunes in their settings: the first phrase of each tune, note for note.
#include "piano/notation/abc_parser.hpp"
#include "piano/notation/score.hpp"

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace piano;

namespace {

using Tune = std::vector<std::pair<int, Rational>>;  // MIDI key, quarter notes

constexpr auto q = [](int top, int bottom = 1) { return Rational(top, bottom); };

Score setting(const std::string& name) {
  const auto folder = std::filesystem::path(RONDO_SOURCE_DIR) / "examples/piano/scores";
  return read_abc((folder / ("folk-" + name + ".abc")).string());
}

/// The first `length` notes of a voice from the bar of that index on.
Tune notes_of(const Score& score, const std::string& voice, std::size_t first_bar, std::size_t length) {
  Tune tune;
  for (const auto& note : score.notes)
    if (score.voices[note.voice] == voice && note.bar >= first_bar && tune.size() < length)
      tune.emplace_back(note.pitch, note.duration);
  return tune;
}

void check_tune(const std::string& name, const Tune& tune, std::size_t first_bar = 0) {
  INFO(name);
  const Tune found = notes_of(setting(name), "RH", first_bar, tune.size());
  REQUIRE(found.size() == tune.size());
  for (std::size_t k = 0; k < tune.size(); ++k) {
    INFO("note " << k + 1);
    CHECK(found[k].first == tune[k].first);
    CHECK(found[k].second == tune[k].second);
  }
}

const Tune kGreensleeves = {
    {69, q(1, 2)}, {72, q(1)},    {74, q(1, 2)}, {76, q(3, 4)}, {78, q(1, 4)}, {76, q(1, 2)}, {74, q(1)},
    {71, q(1, 2)}, {67, q(3, 4)}, {69, q(1, 4)}, {71, q(1, 2)}, {72, q(1)},    {69, q(1, 2)}, {69, q(3, 4)},
    {68, q(1, 4)}, {69, q(1, 2)}, {71, q(1)},    {68, q(1, 2)}, {64, q(1)},
};

}  // namespace

TEST_CASE("Each folk setting begins its tune as it is sung") {
  check_tune("greensleeves", kGreensleeves);
  check_tune("auld-lang-syne", {{60, q(1)},
                                {65, q(3, 2)},
                                {65, q(1, 2)},
                                {65, q(1)},
                                {69, q(1)},
                                {67, q(3, 2)},
                                {65, q(1, 2)},
                                {67, q(1)},
                                {69, q(1)},
                                {65, q(3, 2)},
                                {65, q(1, 2)},
                                {69, q(1)},
                                {72, q(1)},
                                {74, q(3)}});
  check_tune("au-clair-de-la-lune", {{72, q(1)},
                                     {72, q(1)},
                                     {72, q(1)},
                                     {74, q(1)},
                                     {76, q(2)},
                                     {74, q(2)},
                                     {72, q(1)},
                                     {76, q(1)},
                                     {74, q(1)},
                                     {74, q(1)},
                                     {72, q(4)}});
  check_tune("korobeiniki", {{76, q(1)},
                             {71, q(1, 2)},
                             {72, q(1, 2)},
                             {74, q(1)},
                             {72, q(1, 2)},
                             {71, q(1, 2)},
                             {69, q(1)},
                             {69, q(1, 2)},
                             {72, q(1, 2)},
                             {76, q(1)},
                             {74, q(1, 2)},
                             {72, q(1, 2)},
                             {71, q(3, 2)},
                             {72, q(1, 2)},
                             {74, q(1)},
                             {76, q(1)},
                             {72, q(1)},
                             {69, q(1)},
                             {69, q(2)}});
  check_tune("lieber-augustin", {{74, q(3, 4)},
                                 {76, q(1, 4)},
                                 {74, q(1)},
                                 {72, q(1)},
                                 {71, q(1)},
                                 {67, q(1)},
                                 {67, q(1)},
                                 {69, q(1)},
                                 {62, q(1)},
                                 {62, q(1)},
                                 {71, q(1)},
                                 {67, q(1)},
                                 {67, q(1)}});
  check_tune("sakura",
             {{69, q(1)}, {69, q(1)}, {71, q(2)}, {69, q(1)},    {69, q(1)},    {71, q(2)}, {69, q(1)}, {71, q(1)},
              {72, q(1)}, {71, q(1)}, {69, q(1)}, {71, q(1, 2)}, {69, q(1, 2)}, {65, q(2)}, {64, q(1)}, {60, q(1)},
              {64, q(1)}, {65, q(1)}, {64, q(1)}, {64, q(1, 2)}, {60, q(1, 2)}, {59, q(2)}},
             2);
}

TEST_CASE("Greensleeves comes back in the left hand, an octave lower") {
  const Score score = setting("greensleeves");
  Tune lower = kGreensleeves;
  for (auto& [pitch, duration] : lower) pitch -= 12;
  CHECK(notes_of(score, "T", 0, lower.size()) == lower);
}

TEST_CASE("Sakura's setting keeps to the five notes of its tune") {
  std::set<int> classes;
  for (const auto& note : setting("sakura").notes) classes.insert(note.pitch % 12);
  CHECK(classes == std::set<int>{0, 4, 5, 9, 11});
}

TEST_CASE("The voices of a folk setting do not share a pitch at the same time") {
  for (const char* name :
       {"au-clair-de-la-lune", "auld-lang-syne", "greensleeves", "korobeiniki", "lieber-augustin", "sakura"}) {
    const Score score = setting(name);
    for (const auto& held : score.notes)
      for (const auto& struck : score.notes) {
        if (&held >= &struck || held.pitch != struck.pitch) continue;
        INFO(name << ", bar " << score.bars[struck.bar].number << ", key " << struck.pitch);
        REQUIRE(struck.onset >= held.onset + held.duration);
      }
  }
}

// SPDX-License-Identifier: MIT
// The C++ blocks of docs/06-midi-and-tokens.md: each is one or more regions `// [name]` of this file.
// [includes]
#include <rondo/midi/compose.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/load.hpp>
#include <rondo/music/tokens.hpp>

#include <filesystem>
#include <vector>
// [/includes]

#include <rondo/music/grammar.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/temporary.hpp"
#include "support/catch.hpp"

// [round_trip]
namespace music = rondo::music;

void copy_by_tokens(const std::filesystem::path& from, const std::filesystem::path& to) {
  const music::Performance piece = music::load_performance(from, music::PedalMode::extend);
  const std::vector<music::Token> tokens = music::encode(piece, music::LeadIn::drop);
  rondo::midi::write_file(to, rondo::midi::compose(music::decode(tokens)));
}
// [/round_trip]

namespace midi = rondo::midi;

namespace {

/// Writes a short file of two notes and works in its folder.
class Nocturne {
 public:
  Nocturne() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder_.path());
    const std::vector<music::Note> notes = {
        {.start = midi::Seconds{0.0}, .end = midi::Seconds{0.5}, .pitch = 60, .velocity = 62},
        {.start = midi::Seconds{0.5}, .end = midi::Seconds{1.0}, .pitch = 64, .velocity = 62}};
    midi::write_file("nocturne.mid", midi::compose(music::make_performance(notes)));
  }
  ~Nocturne() { std::filesystem::current_path(before_); }
  Nocturne(const Nocturne&) = delete;
  Nocturne& operator=(const Nocturne&) = delete;

 private:
  rondo_test::TemporaryFolder folder_;
  std::filesystem::path before_;
};

TEST_CASE("a file to tokens and back") {
  const Nocturne file;
  copy_by_tokens("nocturne.mid", "again.mid");
  const auto again = music::load_performance("again.mid", music::PedalMode::extend);
  REQUIRE(again.notes.size() == 2);
  CHECK(again.notes[1].pitch == 64);
  CHECK(again.notes[1].start.value == Approx(0.5));
}

/// In place of a sampler: the longest allowed time shift, otherwise the first allowed token.
music::Token sample(std::span<const float>, std::span<const std::uint8_t> allowed) {
  for (music::Token token = music::time_shift(music::kMaxShift); token >= music::time_shift(1); --token)
    if (allowed[static_cast<std::size_t>(token)]) return token;
  music::Token token = 0;
  while (!allowed[static_cast<std::size_t>(token)]) ++token;
  return token;
}

TEST_CASE("sampling under the grammar") {
  const Nocturne file;
  const auto mode = music::PedalMode::tokens;
  const auto primer = music::encode(music::load_performance("nocturne.mid", mode));
  std::vector<music::Token> tokens = primer;
  const std::span<const float> logits;
  // [grammar]
  music::Grammar grammar({.pedal = mode == music::PedalMode::tokens});
  grammar.feed(primer);
  while (grammar.steps() < 3000) {                                 // 30 s
    const music::Token token = sample(logits, grammar.allowed());  // allowed: one flag per token
    grammar.feed(token);
    tokens.push_back(token);
  }
  for (music::Token token : grammar.finish()) tokens.push_back(token);
  // [/grammar]
  CHECK(tokens.size() > primer.size());
  CHECK(music::encode(music::decode(tokens)).size() > 0);
}

}  // namespace

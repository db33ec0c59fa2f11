// SPDX-License-Identifier: MIT
// Primers as notes by name.
#include "piano/data/primer.hpp"

#include <rondo/music/augment.hpp>
#include <rondo/music/grammar.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace piano {
namespace {

namespace music = rondo::music;
using rondo::midi::Seconds;

/// 0.5 as "0.5".
std::string text_of(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

/// A word of the text and its position, for error messages.
struct Word {
  std::string_view text;
  std::size_t position;  // counted from 1

  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument("primer notes: word " + std::to_string(position) + ", '" + std::string(text) +
                                "': " + why);
  }
};

std::vector<Word> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<Word> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(kSpace, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back({text.substr(at, end - at), words.size() + 1});
    at = end;
  }
  return words;
}

/// All of `text` as a number, or nothing.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// Semitones above C of a note's letter, or nothing for another character.
std::optional<int> semitones_of(char letter) {
  constexpr std::string_view kLetters = "CDEFGABcdefgab";
  constexpr int kSemitones[] = {0, 2, 4, 5, 7, 9, 11};
  const std::size_t at = kLetters.find(letter);
  return at == std::string_view::npos ? std::nullopt : std::optional(kSemitones[at % 7]);
}

std::uint8_t pitch_of(std::string_view name, const Word& word) {
  constexpr std::string_view kWanted = "wanted a letter from A to G, # or b, and an octave: C4, F#3, Bb5";
  const auto letter = name.empty() ? std::nullopt : semitones_of(name[0]);
  if (!letter) word.fail(std::string(kWanted));
  std::size_t at = 1;
  int pitch = *letter;
  for (; at < name.size() && (name[at] == '#' || name[at] == 'b'); ++at) pitch += name[at] == '#' ? 1 : -1;
  const auto octave = number_in<int>(name.substr(at));
  if (at > 3 || !octave || std::abs(*octave) > 10) word.fail(std::string(kWanted));
  pitch += 12 * (*octave + 1);
  if (pitch < music::kLowestPianoKey || pitch > music::kHighestPianoKey)
    word.fail(std::string(name) + " is not a piano key, A0 to C8");
  return static_cast<std::uint8_t>(pitch);
}

double beats_of(std::string_view text, const Word& word) {
  constexpr double kMost = 64;
  const auto beats = number_in<double>(text);
  if (!beats || !(*beats > 0 && *beats <= kMost))
    word.fail("wanted a number of quarter notes in (0, 64] after the colon");
  return *beats;
}

}  // namespace

Primer parse_primer_notes(std::string_view text, double tempo) {
  if (!(tempo >= 20 && tempo <= 400))
    throw std::invalid_argument("primer notes: a tempo of " + text_of(tempo) +
                                " quarter notes per minute, wanted 20 to 400");
  std::vector<music::Note> notes;
  double beat = 0;
  for (const Word& word : words_of(text)) {
    const std::size_t colon = std::min(word.text.find(':'), word.text.size());
    const double beats = colon < word.text.size() ? beats_of(word.text.substr(colon + 1), word) : 1;
    std::string_view names = word.text.substr(0, colon);
    const Seconds start{beat * 60 / tempo}, end{(beat + beats) * 60 / tempo};
    beat += beats;
    if (names == "r") continue;
    for (bool more = true; more;) {
      const std::size_t plus = names.find('+');
      more = plus != std::string_view::npos;
      notes.push_back(
          {start, std::min(end, start + Seconds{kLongestNoteSeconds}), pitch_of(names.substr(0, plus), word)});
      names.remove_prefix(more ? plus + 1 : names.size());
    }
  }
  if (notes.empty()) throw std::invalid_argument("primer notes: no notes in '" + std::string(text) + "'");
  Primer primer = primer_of(music::make_performance(std::move(notes)), std::numeric_limits<double>::infinity());
  return {std::move(primer.performance), beat * 60 / tempo - primer.begin};
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/data/primer.hpp"
#include "piano/data/read_piece.hpp"

#include <rondo/music/augment.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/tokens.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace piano {
namespace {

namespace music = rondo::music;
using rondo::midi::Seconds;

constexpr double kLongestNote = music::GrammarLimits{}.longest_note / double{music::kStepsPerSecond};

/// 0.5 as "0.5".
std::string text_of(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", number);
  return text;
}

/// Merges notes of one pitch, as a piano has one key for it: notes that begin in the same step become one, with the
/// longest duration and the highest velocity; a repeated note ends the one before.
std::vector<music::Note> merge_to_one_keyboard(std::vector<music::Note> notes) {
  std::ranges::stable_sort(notes, {}, &music::Note::start);
  std::array<std::optional<std::size_t>, music::kPitches> last;  // in `kept`
  std::vector<music::Note> kept;
  for (const music::Note& note : notes) {
    auto& former = last[note.pitch & 127];
    if (former && music::to_step(kept[*former].start) == music::to_step(note.start)) {
      kept[*former].end = std::max(kept[*former].end, note.end);
      kept[*former].velocity = std::max(kept[*former].velocity, note.velocity);
      continue;
    }
    if (former) kept[*former].end = std::min(kept[*former].end, note.start);
    former = kept.size();
    kept.push_back(note);
    kept.back().channel = 0;
  }
  return kept;
}

/// The time since `begin`; 0 before it.
Seconds since(Seconds time, Seconds begin) { return std::max(Seconds{}, time - begin); }

/// The changes of the pedal from `begin` to `end`; the first is at 0 if the pedal is down at `begin`.
std::vector<music::ControlChange> pedal_between(const std::vector<music::ControlChange>& changes, Seconds begin,
                                                Seconds end) {
  std::vector<music::ControlChange> kept;
  for (music::ControlChange change : changes) {
    if (change.time >= end) break;
    if (change.time <= begin) kept.clear();
    change.time = since(change.time, begin);
    if (!kept.empty() || music::is_down(change)) kept.push_back(change);
  }
  return kept;
}

// ---- notes by name

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

Primer read_primer(const std::filesystem::path& path, double seconds, music::PedalMode pedal, double from) {
  Primer primer = primer_of(music::apply_pedal(read_piece(path).performance, pedal), seconds, from);
  if (primer.performance.notes.empty())
    throw std::runtime_error(path.string() + ": no note begins at " + text_of(from) + " s or later");
  return primer;
}

Primer primer_of(const music::Performance& performance, double seconds, double from) {
  auto all = merge_to_one_keyboard(performance.notes);
  std::erase_if(all, [&](const music::Note& note) { return note.start.value < from; });
  if (all.empty()) return {};
  const Seconds begin = all.front().start, end = begin + Seconds{seconds};
  std::vector<music::Note> notes;
  Seconds last{};
  for (music::Note note : all) {
    if (note.start >= end) break;
    note.end = since(std::min(note.end, note.start + Seconds{kLongestNote}), begin);
    note.start = since(note.start, begin);
    last = std::max(last, note.end);
    notes.push_back(note);
  }
  Primer primer{music::make_performance(std::move(notes), pedal_between(performance.controls, begin, end)), seconds,
                begin.value};
  if (all.size() == primer.performance.notes.size()) primer.seconds = std::min(seconds, last.value);
  return primer;
}

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
      notes.push_back({start, std::min(end, start + Seconds{kLongestNote}), pitch_of(names.substr(0, plus), word)});
      names.remove_prefix(more ? plus + 1 : names.size());
    }
  }
  if (notes.empty()) throw std::invalid_argument("primer notes: no notes in '" + std::string(text) + "'");
  const Seconds begin = notes.front().start;
  for (music::Note& note : notes) note.start -= begin, note.end -= begin;
  return {music::make_performance(merge_to_one_keyboard(std::move(notes))), beat * 60 / tempo - begin.value};
}

}  // namespace piano

// SPDX-License-Identifier: MIT
// Conditions: what a model is told beside the tokens, so that a player may set it (Oore et al. 2018, section 6).
//
//   notes-per-second   how dense the music is about to be: onsets of the coming five seconds
//   key                the key around here: of the notes from ten seconds before to ten seconds after
//   active-notes       which keys are down, and the pedal: known to who can count, tedious to a network
//
// Each value is an id behind the vocabulary's; a step's ids stand behind its token, and the network adds their
// embeddings to the token's. The first two look ahead, so a likelihood that is to be compared with others' is computed
// with them untold; training leaves them untold now and then for that reason. The third follows from the past, and is
// always told.
#pragma once

#include <rondo/music/key.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace rondo::inline v0::music {

inline constexpr Token kNoCondition = -1;  // in place of an id

/// Bins of notes per second, each 1.41 times as dense as the one before: up to 1, up to 1.41, ..., above 32.
inline constexpr int kDensityBins = 12;

constexpr double density_bound(int bin) {  // the upper one, of bins 0..10
  double bound = 1;
  for (int i = 0; i < bin; ++i) bound *= 1.4142135623730951;
  return bound;
}
constexpr int density_bin(double notes_per_second) {
  int bin = 0;
  while (bin < kDensityBins - 1 && notes_per_second > density_bound(bin)) ++bin;
  return bin;
}

/// Values at one place of a piece; -1 is untold.
struct ConditionValues {
  std::int8_t density = -1;  // a bin
  std::int8_t key = -1;      // 0..23

  friend constexpr bool operator==(const ConditionValues&, const ConditionValues&) = default;
};

/// Which conditions a model has.
struct Conditions {
  bool notes_per_second = false, key = false, active_notes = false;

  static constexpr int kMaxActiveNotes = 16;  // keys that are told; of more the lowest

  bool any() const { return notes_per_second || key || active_notes; }
  bool needs_lookahead() const { return notes_per_second || key; }
  /// Ids behind the vocabulary's.
  int ids() const {
    return (notes_per_second ? kDensityBins : 0) + (key ? kKeys : 0) + (active_notes ? kPitches + 1 : 0);
  }
  /// Ids of one step, the token's among them.
  int ids_per_step() const { return 1 + notes_per_second + key + (active_notes ? kMaxActiveNotes + 1 : 0); }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    if (notes_per_second) all.push_back("notes-per-second");
    if (key) all.push_back("key");
    if (active_notes) all.push_back("active-notes");
    return all;
  }
  /// Throws std::invalid_argument for a name that is none.
  static Conditions named(std::span<const std::string> names) {
    Conditions c;
    for (const std::string& name : names)
      if (name == "notes-per-second")
        c.notes_per_second = true;
      else if (name == "key")
        c.key = true;
      else if (name == "active-notes")
        c.active_notes = true;
      else
        throw std::invalid_argument("condition: '" + name + "' is none of notes-per-second, key, active-notes");
    return c;
  }

  friend bool operator==(const Conditions&, const Conditions&) = default;
};

/// Which keys are down, and the pedal, after some tokens.
class ActiveNotes {
 public:
  void feed(Token token) {
    const auto [kind, value] = event_of(token);
    if (kind == EventKind::note_on) keys_.set(static_cast<std::size_t>(value));
    if (kind == EventKind::note_off) keys_.reset(static_cast<std::size_t>(value));
    if (kind == EventKind::pedal) pedal_ = value != 0;
  }
  bool key(int pitch) const { return keys_[static_cast<std::size_t>(pitch)]; }
  bool pedal() const { return pedal_; }
  bool any() const { return keys_.any(); }

 private:
  std::bitset<kPitches> keys_;
  bool pedal_ = false;
};

/// Writes the ids of one step: the token, then those of its conditions, all moved by `semitones`. `active` are the
/// notes after the token, before moving. `to` has ids_per_step() places; `vocabulary` is that of the tokens alone.
inline void write_step(const Conditions& conditions, int vocabulary, Token token, ConditionValues values,
                       const ActiveNotes& active, int semitones, std::span<Token> to) {
  std::size_t at = 0;
  to[at++] = token < kFirstTimeShift ? token + semitones : token;
  Token first = vocabulary;
  if (conditions.notes_per_second) {
    to[at++] = values.density < 0 ? kNoCondition : first + values.density;
    first += kDensityBins;
  }
  if (conditions.key) {
    to[at++] = values.key < 0 ? kNoCondition : first + transpose_key(values.key, semitones);
    first += kKeys;
  }
  if (!conditions.active_notes) return;
  if (active.any())
    for (int pitch = 0; pitch < kPitches && at + 1 < to.size(); ++pitch)
      if (active.key(pitch)) to[at++] = first + pitch + semitones;
  if (active.pedal()) to[at++] = first + kPitches;
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(at), to.end(), kNoCondition);
}

/// What is told after each token of a piece.
inline std::vector<ConditionValues> condition_values_per_token(std::span<const Token> tokens) {
  constexpr std::int64_t kAhead = 5 * kStepsPerSecond, kAround = 10 * kStepsPerSecond;
  constexpr std::int64_t kShortest = kStepsPerSecond;  // of what is ahead: nearer the end the last value stays
  struct Onset {
    std::int64_t step;
    int pitch;
  };
  std::vector<Onset> onsets;
  std::vector<std::int64_t> steps(tokens.size());  // the time after each token
  std::int64_t now = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto [kind, value] = event_of(tokens[i]);
    if (kind == EventKind::time_shift) now += value;
    if (kind == EventKind::note_on) onsets.push_back({now, value});
    steps[i] = now;
  }
  const std::int64_t end = now;

  std::vector<ConditionValues> values(tokens.size());
  std::array<double, 12> classes{};  // of the onsets in [key_first, key_last)
  std::size_t first = 0, last = 0, key_first = 0, key_last = 0;
  ConditionValues value;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && steps[i] == steps[i - 1]) {
      values[i] = value;
      continue;
    }
    while (first < onsets.size() && onsets[first].step < steps[i]) ++first;
    last = std::max(last, first);
    while (last < onsets.size() && onsets[last].step < steps[i] + kAhead) ++last;
    const std::int64_t ahead = std::min(kAhead, end - steps[i]);
    if (ahead >= kShortest || value.density < 0)
      value.density = static_cast<std::int8_t>(density_bin(static_cast<double>((last - first) * kStepsPerSecond) /
                                                           static_cast<double>(std::max(ahead, kShortest))));
    while (key_last < onsets.size() && onsets[key_last].step < steps[i] + kAround)
      classes[static_cast<std::size_t>(onsets[key_last++].pitch % 12)] += 1;
    while (key_first < key_last && onsets[key_first].step < steps[i] - kAround)
      classes[static_cast<std::size_t>(onsets[key_first++].pitch % 12)] -= 1;
    value.key = static_cast<std::int8_t>(find_key(classes));
    values[i] = value;
  }
  return values;
}

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Conditions: additional inputs of a model, which a user may set in sampling (Oore et al. 2018, section 6).
//
//   notes-per-second   note density: onsets in the next five seconds
//   key                musical key of the notes from ten seconds before to ten seconds after
//   active-notes       active notes and the pedal
//
// Each value is an id after the ids of the vocabulary; the ids of a step follow its token, and the network adds their
// embeddings to that of the token. The first two need lookahead, so likelihoods that are compared with those of other
// models are computed without them, and training omits them in a fraction of the windows. The third follows from
// previous tokens and is always given.
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

inline constexpr Token kNoCondition = -1;  ///< padding id: no condition

/// Number of bins of note density, in steps of a factor sqrt(2): up to 1 note per second, up to 1.41, ..., above 32.
inline constexpr int kDensityBins = 12;

/// Upper bound of bin 0..10 in notes per second.
constexpr double density_bound(int bin) {
  double bound = 1;
  for (int i = 0; i < bin; ++i) bound *= 1.4142135623730951;
  return bound;
}
/// Bin of a note density.
constexpr int density_bin(double notes_per_second) {
  int bin = 0;
  while (bin < kDensityBins - 1 && notes_per_second > density_bound(bin)) ++bin;
  return bin;
}

/// Values of the conditions that need lookahead at one position; -1: not given.
struct ConditionValues {
  std::int8_t density = -1;  ///< bin of notes per second
  std::int8_t key = -1;      ///< key 0..23, see kKeys

  friend constexpr bool operator==(const ConditionValues&, const ConditionValues&) = default;
};

/// The conditions of a model.
struct Conditions {
  bool notes_per_second = false;  ///< note density
  bool key = false;               ///< musical key
  bool active_notes = false;      ///< active notes and pedal

  static constexpr int kMaxActiveNotes = 16;  ///< active notes per step; of more the lowest are given

  bool any() const { return notes_per_second || key || active_notes; }  ///< whether there is a condition
  bool needs_lookahead() const { return notes_per_second || key; }      ///< whether a condition depends on later notes
  /// Number of condition ids, after those of the vocabulary.
  int ids() const { return first_active_note() + (active_notes ? kPitches + 1 : 0); }
  /// The id of active pitch 0, counted from the first condition id.
  int first_active_note() const { return (notes_per_second ? kDensityBins : 0) + (key ? kKeys : 0); }
  /// Number of ids per step, including the token.
  int ids_per_step() const { return 1 + notes_per_second + key + (active_notes ? kMaxActiveNotes + 1 : 0); }

  /// Names of the conditions, in the order of their ids.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    if (notes_per_second) all.push_back("notes-per-second");
    if (key) all.push_back("key");
    if (active_notes) all.push_back("active-notes");
    return all;
  }
  /// The conditions with these names. Throws std::invalid_argument for an unknown name.
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
        throw std::invalid_argument("condition: unknown name '" + name +
                                    "', wanted notes-per-second, key or active-notes");
    return c;
  }

  friend bool operator==(const Conditions&, const Conditions&) = default;
};

/// Active notes and the pedal after a sequence of tokens.
class ActiveNotes {
 public:
  /// Advances by one token.
  void feed(Token token) {
    const auto [kind, value] = event_of(token);
    if (kind == EventKind::note_on) keys_.set(static_cast<std::size_t>(value));
    if (kind == EventKind::note_off) keys_.reset(static_cast<std::size_t>(value));
    if (kind == EventKind::pedal) pedal_ = value != 0;
  }
  bool key(int pitch) const { return keys_[static_cast<std::size_t>(pitch)]; }  ///< whether a note is active
  bool pedal() const { return pedal_; }                                         ///< whether the pedal is down
  bool any() const { return keys_.any(); }                                      ///< whether any note is active

 private:
  std::bitset<kPitches> keys_;
  bool pedal_ = false;
};

/// Writes the ids of one step: the token and its conditions, shifted. `active`: active notes after the token, not
/// shifted. `to`: ids_per_step() ids. `vocabulary`: number of tokens.
inline void write_step(const Conditions& conditions, int vocabulary, Token token, ConditionValues values,
                       const ActiveNotes& active, TokenShift shift, std::span<Token> to) {
  std::size_t at = 0;
  to[at++] = shifted(token, shift);
  Token first = vocabulary;
  if (conditions.notes_per_second) {
    to[at++] = values.density < 0 ? kNoCondition : first + values.density;
    first += kDensityBins;
  }
  if (conditions.key) {
    to[at++] = values.key < 0 ? kNoCondition : first + transpose_key(values.key, shift.semitones);
    first += kKeys;
  }
  if (!conditions.active_notes) return;
  if (active.any())
    for (int pitch = 0; pitch < kPitches && at + 1 < to.size(); ++pitch)
      if (active.key(pitch)) to[at++] = first + pitch + shift.semitones;
  if (active.pedal()) to[at++] = first + kPitches;
  std::fill(to.begin() + static_cast<std::ptrdiff_t>(at), to.end(), kNoCondition);
}

/// Condition values after each token of a piece.
inline std::vector<ConditionValues> condition_values_per_token(std::span<const Token> tokens) {
  constexpr std::int64_t kAhead = 5 * kStepsPerSecond, kAround = 10 * kStepsPerSecond;
  constexpr std::int64_t kShortest =
      kStepsPerSecond;  // shorter lookahead at the end of a piece: the last value is kept
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

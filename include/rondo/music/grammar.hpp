// SPDX-License-Identifier: MIT
// The grammar of performance tokens as a mask for sampling. Any sequence that is sampled under the mask is one that
// `encode` can write: decoding and encoding it returns the same tokens. See docs/06-midi-and-tokens.md.
#pragma once

#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace rondo::inline v0::music {

/// Limits of a Grammar. Times are in steps of 10 ms.
struct GrammarLimits {
  int lowest = 21;            ///< lowest pitch that may start
  int highest = 108;          ///< highest pitch that may start
  int longest_note = 500;     ///< maximum length of a note
  int longest_silence = 400;  ///< maximum time without an active note
  int longest_pedal = 3000;   ///< maximum time with the pedal down
  bool pedal = false;         ///< whether the vocabulary has the two pedal tokens
  bool overlap = false;       ///< whether a key that is down may be struck again, as in music of several voices

  /// No limits: only what `encode` never writes, whatever the music, is not allowed.
  static constexpr GrammarLimits none(bool pedal) {
    constexpr int kNever = 1 << 30;
    return {0, kPitches - 1, kNever, kNever, kNever, pedal, /*overlap=*/true};
  }
};

/// What a model that is trained under the grammar has added to the logits of excluded tokens. It is finite, so that
/// music that the grammar excludes has a likelihood, too, and the probabilities of all tokens sum to 1.
inline constexpr float kExcludedLogit = -30;

/// The mask of the tokens that may come next. Call feed() with every token, then read allowed(), which always has at
/// least one allowed token.
///
///  - A note-on needs a pitch that is not active, unless notes may overlap; a note-off needs an active pitch that
///    started at an earlier step.
///  - The order within a step is note-offs, pedal up, pedal down, note-ons; notes in order of pitch.
///  - A velocity differs from the last one and is followed by a note-on; the first note-on has one before it.
///  - A time shift of less than a second is not followed by another one; longer times are whole seconds and a
///  remainder.
///  - No note, silence or held pedal is longer than its limit.
///
/// feed() also accepts tokens that are not allowed, e.g. a primer with a note of ten seconds: then only tokens that
/// restore the limits are allowed first. A step takes one pass over the mask and allocates nothing.
///
/// @code
/// rondo::music::Grammar grammar;
/// grammar.feed(primer);
/// const auto choice = sampler(logits, grammar.allowed(), rng);
/// grammar.feed(choice.token);
/// @endcode
class Grammar {
 public:
  /// Throws std::invalid_argument if a limit is not positive or the range of pitches is empty.
  explicit Grammar(GrammarLimits limits = {}) : limits_(limits) {
    if (limits.lowest < 0 || limits.highest >= kPitches || limits.lowest > limits.highest)
      throw std::invalid_argument("Grammar: pitches " + std::to_string(limits.lowest) + ".." +
                                  std::to_string(limits.highest) + " are not a range within 0..127");
    if (limits.longest_note < 1 || limits.longest_silence < 1 || limits.longest_pedal < 1)
      throw std::invalid_argument("Grammar: the longest note, silence and pedal must be 1 step or more");
    update();
  }

  /// One flag per token of the vocabulary: 1 if it may come next, else 0. Valid until the next feed().
  std::span<const std::uint8_t> allowed() const {
    return {mask_.data(), static_cast<std::size_t>(limits_.pedal ? kVocabularyWithPedal : kVocabulary)};
  }
  /// Whether a token may come next.
  bool allows(Token token) const { return is_token(token) && mask_[static_cast<std::size_t>(token)] != 0; }

  std::int64_t steps() const { return now_; }  ///< time since the start, in steps of 10 ms
  int sounding() const { return sounding_; }   ///< number of active notes

  /// Advances by one token. Throws std::out_of_range if it is not in the vocabulary.
  void feed(Token token) {
    advance(token);
    update();
  }
  /// Advances by several tokens, and computes the mask once.
  void feed(std::span<const Token> tokens) {
    for (Token token : tokens) advance(token);
    update();
  }

  /// Feeds and returns the tokens that end the piece: a time shift of `hold` steps (1..100, or less if a limit
  /// requires), then note-offs for all active notes and pedal up. After a velocity token, that token stays without
  /// effect.
  std::vector<Token> finish(int hold = 50) {
    std::vector<Token> tokens;
    const auto put = [&](Token token) { tokens.push_back(token), feed(token); };
    const auto lift = [&](bool all) {
      for (int pitch = 0; pitch < kPitches; ++pitch)
        while (key(pitch).down > 0 && (all || now_ - key(pitch).since >= limits_.longest_note)) put(note_off(pitch));
      if (pedal_ && (all || now_ - pedal_since_ >= limits_.longest_pedal)) put(kPedalUp);
    };
    lift(false);  // overdue notes and pedal, before time can advance
    if (sounding_ == 0 && !pedal_) return tokens;
    const bool moved_now =
        (pedal_ && pedal_since_ == now_) ||
        std::any_of(keys_.begin(), keys_.end(), [&](const Key& k) { return k.down > 0 && k.since == now_; });
    if (longest_shift_ > 0)
      put(time_shift(std::clamp(hold, 1, longest_shift_)));
    else if (moved_now)
      put(time_shift(1));
    lift(true);
    return tokens;
  }

 private:
  enum Rank : std::int8_t { start_of_step, key_up, pedal_up, pedal_down, key_down };
  struct Key {
    std::int64_t since = 0;  // the step of its last note-on
    int down = 0;            // active notes of this pitch; more than one only in a primer
  };

  Key& key(int pitch) { return keys_[static_cast<std::size_t>(pitch)]; }
  const Key& key(int pitch) const { return keys_[static_cast<std::size_t>(pitch)]; }
  std::uint8_t& mask(Token token) { return mask_[static_cast<std::size_t>(token)]; }

  void advance(Token token) {
    if (!is_token(token)) throw std::out_of_range("Grammar: " + std::to_string(token) + " is not a token");
    const auto [kind, value] = event_of(token);
    after_short_shift_ = kind == EventKind::time_shift && value < kMaxShift;
    after_velocity_ = kind == EventKind::velocity;
    switch (kind) {
      case EventKind::time_shift:
        now_ += value;
        rank_ = start_of_step;
        break;
      case EventKind::velocity:
        bin_ = value;
        break;
      case EventKind::note_on:
        ++key(value).down;
        key(value).since = now_;
        ++sounding_;
        rank_ = key_down, pitch_ = value;
        break;
      case EventKind::note_off:
        if (key(value).down > 0) {
          --key(value).down;
          if (--sounding_ == 0) silent_since_ = now_;
        }
        rank_ = key_up, pitch_ = value;
        break;
      case EventKind::pedal:
        if (value != 0 && !pedal_) pedal_since_ = now_;
        pedal_ = value != 0;
        rank_ = pedal_ ? pedal_down : pedal_up;
        break;
    }
  }

  // The lowest pitch whose event of this rank comes after the last event in the order within a step; kPitches: none.
  int first_after(Rank rank) const {
    return rank_ < rank ? 0 : rank_ > rank ? kPitches : limits_.overlap ? pitch_ : pitch_ + 1;
  }

  void update() {
    mask_.fill(0);
    std::int64_t room = kMaxShift;  // steps until the first limit
    int due = kPitches;             // lowest pitch that must end now
    for (int pitch = kPitches - 1; pitch >= 0; --pitch) {
      if (key(pitch).down == 0) continue;
      const std::int64_t left = limits_.longest_note - (now_ - key(pitch).since);
      if (left <= 0) due = pitch;
      room = std::min(room, left);
    }
    if (sounding_ == 0) room = std::min(room, limits_.longest_silence - (now_ - silent_since_));
    const bool pedal_due = limits_.pedal && pedal_ && now_ - pedal_since_ >= limits_.longest_pedal;
    if (limits_.pedal && pedal_) room = std::min(room, limits_.longest_pedal - (now_ - pedal_since_));

    bool any_key = false;  // whether a note may start
    const int first_on = std::max(limits_.lowest, first_after(key_down));
    for (int pitch = first_on; pitch <= limits_.highest && !any_key; ++pitch) any_key = may_strike(pitch);
    any_key = any_key && due == kPitches && !pedal_due;

    const bool only_notes = after_velocity_ && any_key;
    longest_shift_ = only_notes || after_short_shift_ ? 0 : static_cast<int>(std::max<std::int64_t>(room, 0));

    for (int steps = 1; steps <= longest_shift_; ++steps) mask(time_shift(steps)) = 1;
    if (any_key && bin_ >= 0)
      for (int pitch = first_on; pitch <= limits_.highest; ++pitch) mask(note_on(pitch)) = may_strike(pitch);
    if (only_notes) return;
    if (any_key)
      for (int bin = 0; bin < kVelocityBins; ++bin) mask(velocity(bin)) = bin != bin_;
    for (int pitch = first_after(key_up); pitch < kPitches && pitch <= due; ++pitch)  // not above a pitch that is due
      mask(note_off(pitch)) = may_lift(pitch);
    if (due < kPitches) {
      mask(note_off(due)) = 1;  // even out of order
    } else if (limits_.pedal) {
      mask(kPedalUp) = pedal_ && (pedal_due || rank_ < pedal_up);
      mask(kPedalDown) = !pedal_ && rank_ < pedal_down;
    }
  }

  bool may_strike(int pitch) const { return key(pitch).down == 0 || limits_.overlap; }
  bool may_lift(int pitch) const { return key(pitch).down > 0 && key(pitch).since < now_; }

  GrammarLimits limits_;
  std::array<Key, kPitches> keys_{};
  std::array<std::uint8_t, kVocabularyWithPedal> mask_{};
  std::int64_t now_ = 0, silent_since_ = 0, pedal_since_ = 0;
  int sounding_ = 0;
  int bin_ = -1;  // of the last velocity
  int longest_shift_ = 0;
  int pitch_ = 0;
  Rank rank_ = start_of_step;
  bool pedal_ = false, after_velocity_ = false, after_short_shift_ = false;
};

}  // namespace rondo::inline v0::music

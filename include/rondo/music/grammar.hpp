// SPDX-License-Identifier: MIT
// The grammar of performance tokens, as a mask for sampling. A network that has learned for minutes forgets to lift
// keys and lifts keys that are up; under this mask every stream it samples is one that `encode` could have written:
// decoding and encoding it again gives the same tokens. See docs/06-midi-and-tokens.md.
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

struct GrammarLimits {
  int lowest = 21, highest = 108;  ///< pitches that may begin: the piano's 88 keys
  int longest_note = 500;          ///< steps of 10 ms; a key held this long must come up before time goes on
  int longest_silence = 400;       ///< steps with no key down
  int longest_pedal = 3000;        ///< steps
  bool pedal = false;              ///< whether the vocabulary has the two pedal tokens
};

/// Which tokens may come next. `feed` it every token, then read `allowed`; it never is empty.
///
///  - A key goes down only if it is up, and comes up only if it is down and time has passed since.
///  - At one step keys come up, then the pedal, then the pedal goes down, then keys go down; keys by rising pitch.
///  - A velocity differs from the one before and is followed by a note-on; one comes before the first note-on.
///  - After a time shift of less than a second another event comes; longer times are whole seconds and a rest.
///  - No note, silence or held pedal is longer than its limit.
///
/// `feed` also takes tokens that are not allowed (a primer may hold a note for ten seconds): what is then overdue is
/// put right first. A step costs one pass over the mask; nothing is allocated.
class Grammar {
 public:
  /// Throws std::invalid_argument if a limit is not positive or the range of pitches empty.
  explicit Grammar(GrammarLimits limits = {}) : limits_(limits) {
    if (limits.lowest < 0 || limits.highest >= kPitches || limits.lowest > limits.highest)
      throw std::invalid_argument("Grammar: pitches " + std::to_string(limits.lowest) + ".." +
                                  std::to_string(limits.highest) + " are no range within 0..127");
    if (limits.longest_note < 1 || limits.longest_silence < 1 || limits.longest_pedal < 1)
      throw std::invalid_argument("Grammar: the longest note, silence and pedal must be 1 step or more");
    update();
  }

  /// 1 for each token that may come next, else 0; as long as the vocabulary. Changes with the next `feed`.
  std::span<const std::uint8_t> allowed() const {
    return {mask_.data(), static_cast<std::size_t>(limits_.pedal ? kVocabularyWithPedal : kVocabulary)};
  }
  bool allows(Token token) const { return is_token(token) && mask_[static_cast<std::size_t>(token)] != 0; }

  std::int64_t steps() const { return now_; }  ///< time since the beginning, in steps of 10 ms
  int sounding() const { return sounding_; }   ///< keys that are down

  /// Moves on by one token. Throws std::out_of_range if it is none.
  void feed(Token token) {
    if (!is_token(token)) throw std::out_of_range("Grammar: " + std::to_string(token) + " is no token");
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
    update();
  }
  void feed(std::span<const Token> tokens) {
    for (Token token : tokens) feed(token);
  }

  /// The tokens that end the piece: the last notes ring for `hold` steps (1..100, less where a limit says so), then
  /// every key comes up, and the pedal. They are fed, too. Best not asked for right after a velocity, which would be
  /// idle.
  std::vector<Token> finish(int hold = 50) {
    std::vector<Token> tokens;
    const auto put = [&](Token token) { tokens.push_back(token), feed(token); };
    const auto lift = [&](bool all) {
      for (int pitch = 0; pitch < kPitches; ++pitch)
        while (key(pitch).down > 0 && (all || now_ - key(pitch).since >= limits_.longest_note)) put(note_off(pitch));
      if (pedal_ && (all || now_ - pedal_since_ >= limits_.longest_pedal)) put(kPedalUp);
    };
    lift(false);  // what is overdue: time cannot go on before that
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
    int down = 0;            // notes of this pitch that sound; more than one only in a primer
  };

  Key& key(int pitch) { return keys_[static_cast<std::size_t>(pitch)]; }
  const Key& key(int pitch) const { return keys_[static_cast<std::size_t>(pitch)]; }
  std::uint8_t& mask(Token token) { return mask_[static_cast<std::size_t>(token)]; }

  // The latest event of this step, in the order that a step has.
  bool comes_after(Rank rank, int pitch) const { return rank_ < rank || (rank_ == rank && pitch_ < pitch); }

  void update() {
    mask_.fill(0);
    std::int64_t room = kMaxShift;  // steps until the first limit
    int due = kPitches;             // the lowest key that must come up now
    for (int pitch = kPitches - 1; pitch >= 0; --pitch) {
      if (key(pitch).down == 0) continue;
      const std::int64_t left = limits_.longest_note - (now_ - key(pitch).since);
      if (left <= 0) due = pitch;
      room = std::min(room, left);
    }
    if (sounding_ == 0) room = std::min(room, limits_.longest_silence - (now_ - silent_since_));
    const bool pedal_due = limits_.pedal && pedal_ && now_ - pedal_since_ >= limits_.longest_pedal;
    if (limits_.pedal && pedal_) room = std::min(room, limits_.longest_pedal - (now_ - pedal_since_));

    bool any_key = false;  // may go down
    for (int pitch = limits_.lowest; pitch <= limits_.highest; ++pitch) any_key = any_key || may_strike(pitch);
    any_key = any_key && due == kPitches && !pedal_due;

    const bool only_notes = after_velocity_ && any_key;
    longest_shift_ = only_notes || after_short_shift_ ? 0 : static_cast<int>(std::max<std::int64_t>(room, 0));

    for (int steps = 1; steps <= longest_shift_; ++steps) mask(time_shift(steps)) = 1;
    if (any_key && bin_ >= 0)
      for (int pitch = limits_.lowest; pitch <= limits_.highest; ++pitch) mask(note_on(pitch)) = may_strike(pitch);
    if (only_notes) return;
    if (any_key)
      for (int bin = 0; bin < kVelocityBins; ++bin) mask(velocity(bin)) = bin != bin_;
    for (int pitch = 0; pitch < kPitches; ++pitch)  // never past a key that is due
      mask(note_off(pitch)) = may_lift(pitch) && comes_after(key_up, pitch) && pitch <= due;
    if (due < kPitches) {
      mask(note_off(due)) = 1;  // even out of order
    } else if (limits_.pedal) {
      mask(kPedalUp) = pedal_ && (pedal_due || comes_after(pedal_up, 0));
      mask(kPedalDown) = !pedal_ && comes_after(pedal_down, 0);
    }
  }

  bool may_strike(int pitch) const { return key(pitch).down == 0 && comes_after(key_down, pitch); }
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

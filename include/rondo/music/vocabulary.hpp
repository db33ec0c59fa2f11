// SPDX-License-Identifier: MIT
// The performance vocabulary: 388 tokens for note-on, note-off, time shift and velocity; two more for the pedal. The
// events are those of Oore et al. 2018 (Performance RNN). See docs/06-midi-and-tokens.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

/// Performances, tokens and training data for models of piano music.
namespace rondo::inline v0::music {

/// Id of an event: input and output of a model.
using Token = std::int32_t;

/// Kind of an event.
enum class EventKind : std::uint8_t {
  note_on,     ///< value: pitch 0..127
  note_off,    ///< value: pitch 0..127
  time_shift,  ///< value: 1..100 steps of 10 ms
  velocity,    ///< value: bin 0..31
  pedal        ///< value: 1 for down, 0 for up
};
inline constexpr int kEventKinds = 5;  ///< number of kinds

/// The event of a token.
struct Event {
  EventKind kind = EventKind::time_shift;  ///< kind
  int value = 1;                           ///< see EventKind

  friend constexpr bool operator==(const Event&, const Event&) = default;
};

inline constexpr int kPitches = 128;          ///< number of MIDI pitches
inline constexpr int kMaxShift = 100;         ///< the longest time shift, in steps: one second
inline constexpr int kVelocityBins = 32;      ///< four MIDI velocities each
inline constexpr double kStepSeconds = 0.01;  ///< length of a step
inline constexpr int kStepsPerSecond = 100;   ///< 1 / kStepSeconds

inline constexpr Token kFirstNoteOn = 0;                              ///< note-on of pitch 0
inline constexpr Token kFirstNoteOff = kFirstNoteOn + kPitches;       ///< 128
inline constexpr Token kFirstTimeShift = kFirstNoteOff + kPitches;    ///< 256
inline constexpr Token kFirstVelocity = kFirstTimeShift + kMaxShift;  ///< 356
inline constexpr Token kPedalDown = kFirstVelocity + kVelocityBins;   ///< 388
inline constexpr Token kPedalUp = kPedalDown + 1;                     ///< 389

inline constexpr int kVocabulary = kPedalDown;             ///< 388
inline constexpr int kVocabularyWithPedal = kPedalUp + 1;  ///< 390: with two tokens for the pedal

/// Whether a number is a token of the vocabulary with pedal.
constexpr bool is_token(Token token) { return token >= 0 && token < kVocabularyWithPedal; }

constexpr Token note_on(int pitch) { return kFirstNoteOn + pitch; }            ///< pitch 0..127
constexpr Token note_off(int pitch) { return kFirstNoteOff + pitch; }          ///< pitch 0..127
constexpr Token time_shift(int steps) { return kFirstTimeShift + steps - 1; }  ///< 1..100 steps of 10 ms
constexpr Token velocity(int bin) { return kFirstVelocity + bin; }             ///< bin 0..31
constexpr Token pedal(bool down) { return down ? kPedalDown : kPedalUp; }      ///< pedal down or up

/// The token of an event whose value is in range; unchecked.
constexpr Token token_of(Event event) {
  switch (event.kind) {
    case EventKind::note_on:
      return note_on(event.value);
    case EventKind::note_off:
      return note_off(event.value);
    case EventKind::time_shift:
      return time_shift(event.value);
    case EventKind::velocity:
      return velocity(event.value);
    case EventKind::pedal:
      return pedal(event.value != 0);
  }
  return 0;
}

/// The event of a token; `token` must satisfy is_token().
constexpr Event event_of(Token token) {
  if (token < kFirstNoteOff) return {EventKind::note_on, token - kFirstNoteOn};
  if (token < kFirstTimeShift) return {EventKind::note_off, token - kFirstNoteOff};
  if (token < kFirstVelocity) return {EventKind::time_shift, token - kFirstTimeShift + 1};
  if (token < kPedalDown) return {EventKind::velocity, token - kFirstVelocity};
  return {EventKind::pedal, token == kPedalDown ? 1 : 0};
}

/// The kind of a token's event; `token` must satisfy is_token().
constexpr EventKind kind_of(Token token) { return event_of(token).kind; }

/// A shift of all pitches and of all velocities.
struct TokenShift {
  int semitones = 0;      ///< added to pitches
  int velocity_bins = 0;  ///< added to the bins of velocities

  friend constexpr bool operator==(const TokenShift&, const TokenShift&) = default;
};

/// The shifted token; pitches must stay within 0..127 and bins within 0..31, unchecked.
constexpr Token shifted(Token token, TokenShift by) {
  if (token < kFirstTimeShift) return token + by.semitones;
  return token >= kFirstVelocity && token < kPedalDown ? token + by.velocity_bins : token;
}

/// Bin of a MIDI velocity: 1..4 are bin 0, 125..127 are bin 31.
constexpr int velocity_bin(int midi_velocity) { return (std::clamp(midi_velocity, 1, 127) - 1) / 4; }

/// The MIDI velocity that represents a bin, 2, 6, ... 126: at most 2 away from every velocity of the bin.
constexpr std::uint8_t bin_velocity(int bin) { return static_cast<std::uint8_t>(4 * bin + 2); }

/// Name of a kind: "note_on", "note_off", "time_shift", "velocity" or "pedal".
constexpr const char* name(EventKind kind) {
  switch (kind) {
    case EventKind::note_on:
      return "note_on";
    case EventKind::note_off:
      return "note_off";
    case EventKind::time_shift:
      return "time_shift";
    case EventKind::velocity:
      return "velocity";
    case EventKind::pedal:
      return "pedal";
  }
  return "";
}

/// Text of a token: "note_on 60", "time_shift 25", "velocity 15", "pedal down". Throws std::out_of_range if the number
/// is not a token.
inline std::string name(Token token) {
  if (!is_token(token))
    throw std::out_of_range("music: " + std::to_string(token) + " is not a token, wanted 0.." +
                            std::to_string(kVocabularyWithPedal - 1));
  const Event event = event_of(token);
  const std::string kind = name(event.kind);
  if (event.kind == EventKind::pedal) return kind + (event.value ? " down" : " up");
  return kind + " " + std::to_string(event.value);
}

}  // namespace rondo::inline v0::music

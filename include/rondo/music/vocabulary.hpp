// SPDX-License-Identifier: MIT
// The performance vocabulary: every event that a piano performance is told in, and its number. 388 tokens say which
// key goes down or up, how far time moves on, and how hard the next keys are struck; two more may tell the pedal.
// The events are those of Oore et al. 2018 (Performance RNN). See docs/06-midi-and-tokens.md.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace rondo::inline v0::music {

/// The number of an event: what a network reads and predicts.
using Token = std::int32_t;

enum class EventKind : std::uint8_t { note_on, note_off, time_shift, velocity, pedal };
inline constexpr int kEventKinds = 5;

/// What a token says. `value` is a pitch 0..127 (note_on, note_off), a number of 10 ms steps 1..100 (time_shift),
/// a bin 0..31 (velocity), or 1 for down and 0 for up (pedal).
struct Event {
  EventKind kind = EventKind::time_shift;
  int value = 1;

  friend constexpr bool operator==(const Event&, const Event&) = default;
};

inline constexpr int kPitches = 128;
inline constexpr int kMaxShift = 100;     ///< the longest time shift, in steps: one second
inline constexpr int kVelocityBins = 32;  ///< four MIDI velocities each
inline constexpr double kStepSeconds = 0.01;
inline constexpr int kStepsPerSecond = 100;

inline constexpr Token kFirstNoteOn = 0;
inline constexpr Token kFirstNoteOff = kFirstNoteOn + kPitches;       ///< 128
inline constexpr Token kFirstTimeShift = kFirstNoteOff + kPitches;    ///< 256
inline constexpr Token kFirstVelocity = kFirstTimeShift + kMaxShift;  ///< 356
inline constexpr Token kPedalDown = kFirstVelocity + kVelocityBins;   ///< 388
inline constexpr Token kPedalUp = kPedalDown + 1;                     ///< 389

inline constexpr int kVocabulary = kPedalDown;             ///< 388
inline constexpr int kVocabularyWithPedal = kPedalUp + 1;  ///< 390, the same tokens and two more

constexpr bool is_token(Token token) { return token >= 0 && token < kVocabularyWithPedal; }

constexpr Token note_on(int pitch) { return kFirstNoteOn + pitch; }
constexpr Token note_off(int pitch) { return kFirstNoteOff + pitch; }
constexpr Token time_shift(int steps) { return kFirstTimeShift + steps - 1; }
constexpr Token velocity(int bin) { return kFirstVelocity + bin; }
constexpr Token pedal(bool down) { return down ? kPedalDown : kPedalUp; }

/// The token of an event whose value is in range.
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

/// What a token says; `token` must be one (`is_token`).
constexpr Event event_of(Token token) {
  if (token < kFirstNoteOff) return {EventKind::note_on, token - kFirstNoteOn};
  if (token < kFirstTimeShift) return {EventKind::note_off, token - kFirstNoteOff};
  if (token < kFirstVelocity) return {EventKind::time_shift, token - kFirstTimeShift + 1};
  if (token < kPedalDown) return {EventKind::velocity, token - kFirstVelocity};
  return {EventKind::pedal, token == kPedalDown ? 1 : 0};
}

constexpr EventKind kind_of(Token token) { return event_of(token).kind; }

/// Bin of a MIDI velocity: 1..4 are bin 0, 125..127 are bin 31.
constexpr int velocity_bin(int midi_velocity) { return (std::clamp(midi_velocity, 1, 127) - 1) / 4; }

/// The MIDI velocity that stands for a bin, 2, 6, ... 126: at most 2 from any that fell into it.
constexpr std::uint8_t bin_velocity(int bin) { return static_cast<std::uint8_t>(4 * bin + 2); }

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

/// For people: "note_on 60", "time_shift 25", "velocity 15", "pedal down". Throws std::out_of_range if it is no token.
inline std::string name(Token token) {
  if (!is_token(token))
    throw std::out_of_range("music: " + std::to_string(token) + " is no token, they are 0.." +
                            std::to_string(kVocabularyWithPedal - 1));
  const Event event = event_of(token);
  const std::string kind = name(event.kind);
  if (event.kind == EventKind::pedal) return kind + (event.value ? " down" : " up");
  return kind + " " + std::to_string(event.value);
}

}  // namespace rondo::inline v0::music

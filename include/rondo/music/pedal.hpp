// SPDX-License-Identifier: MIT
// Three encodings of the sustain pedal. It sustains notes after their note-offs, so notes of most performances end
// later than their note-offs. A model may get sustained notes, pedal events, or neither.
#pragma once

#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rondo::inline v0::music {

/// Encoding of the sustain pedal.
enum class PedalMode : std::uint8_t {
  extend,  ///< notes are extended by the pedal; no pedal events
  tokens,  ///< notes end with their keys; pedal down and up are tokens
  ignore,  ///< notes end with their keys; no pedal events
};

/// Size of the vocabulary: 388, or 390 with pedal tokens.
constexpr int vocabulary_size(PedalMode mode) { return mode == PedalMode::tokens ? kVocabularyWithPedal : kVocabulary; }

/// Name of a mode: "extend", "tokens" or "ignore".
constexpr const char* name(PedalMode mode) {
  return mode == PedalMode::extend ? "extend" : mode == PedalMode::tokens ? "tokens" : "ignore";
}

/// The mode with this name. Throws std::invalid_argument for an unknown name.
inline PedalMode pedal_mode(std::string_view word) {
  for (PedalMode mode : {PedalMode::extend, PedalMode::tokens, PedalMode::ignore})
    if (word == name(mode)) return mode;
  throw std::invalid_argument("pedal: unknown mode '" + std::string(word) + "', wanted extend, tokens or ignore");
}

/// The notes, extended by the sustain pedal of their channel. A note whose key comes up while the pedal is down lasts
/// until the pedal comes up or the next note-on of its pitch. With the pedal down, a note-on also ends an earlier note
/// of its pitch whose key is still down (two keyboards). A pedal that never comes up lasts to the last event. At one
/// time the order is pedal (in file order), note-ons, note-offs. Of several notes of one pitch that start at one time
/// with the pedal down, the last is kept. The order of notes does not change.
inline std::vector<Note> extend_notes(const Performance& performance) {
  enum Kind { foot, key_down, key_up };
  struct Moment {
    midi::Seconds time;
    Kind kind;
    std::size_t index;  ///< of the note, or of the pedal's change
  };
  std::vector<Note> notes = performance.notes;
  const auto& pedal = performance.controls;
  std::vector<Moment> moments;
  moments.reserve(2 * notes.size() + pedal.size());
  for (std::size_t i = 0; i < pedal.size(); ++i)
    if (is_pedal(pedal[i])) moments.push_back({pedal[i].time, foot, i});
  for (std::size_t i = 0; i < notes.size(); ++i) {
    moments.push_back({notes[i].start, key_down, i});
    moments.push_back({notes[i].end, key_up, i});
  }
  std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return a.time != b.time ? a.time < b.time : a.kind < b.kind;
  });

  struct Sounding {
    std::size_t note;
    bool held;  ///< its key is still down
  };
  struct Channel {
    bool down = false;
    std::array<std::vector<Sounding>, kPitches> sounding;
  };
  std::array<Channel, 16> channels;
  std::vector<bool> lost(notes.size());

  for (const Moment& moment : moments) {
    const std::size_t index = moment.index;
    if (moment.kind == foot) {
      Channel& channel = channels[pedal[index].channel & 15];
      const bool comes_up = channel.down && !is_down(pedal[index]);
      channel.down = is_down(pedal[index]);
      if (!comes_up) continue;
      for (auto& pitch : channel.sounding) {
        for (const Sounding& s : pitch)
          if (!s.held) notes[s.note].end = moment.time;
        std::erase_if(pitch, [](const Sounding& s) { return !s.held; });
      }
      continue;
    }
    Channel& channel = channels[notes[index].channel & 15];
    auto& pitch = channel.sounding[notes[index].pitch & 127];
    const auto self = std::find_if(pitch.begin(), pitch.end(), [&](const Sounding& s) { return s.note == index; });
    if (moment.kind == key_down) {
      if (channel.down) {
        for (const Sounding& s : pitch) {
          lost[s.note] = notes[s.note].start == moment.time;
          notes[s.note].end = moment.time;
        }
        pitch.clear();
      }
      pitch.push_back({index, true});
    } else if (self != pitch.end()) {
      if (channel.down)
        self->held = false;
      else
        pitch.erase(self);
    }
  }
  for (Channel& channel : channels)
    for (auto& pitch : channel.sounding)
      for (const Sounding& s : pitch) notes[s.note].end = moments.back().time;

  std::size_t kept = 0;
  for (std::size_t i = 0; i < notes.size(); ++i)
    if (!lost[i]) notes[kept++] = notes[i];
  notes.resize(kept);
  return notes;
}

/// Alternating pedal-down and pedal-up events (127 and 0, on channel 0); the pedal is down while it is down on any
/// channel.
inline std::vector<ControlChange> pedal_changes(const Performance& performance) {
  auto pedal = performance.controls;
  std::erase_if(pedal, std::not_fn(is_pedal));
  std::stable_sort(pedal.begin(), pedal.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  std::vector<ControlChange> changes;
  unsigned down = 0;  // a bit for each channel
  for (const auto& change : pedal) {
    const unsigned bit = 1u << (change.channel & 15);
    const bool was_down = down != 0;
    down = is_down(change) ? down | bit : down & ~bit;
    if ((down != 0) != was_down)
      changes.push_back({.time = change.time, .value = static_cast<std::uint8_t>(down ? 127 : 0)});
  }
  return changes;
}

/// The performance in this encoding of the pedal: notes and, for PedalMode::tokens, pedal events.
inline Performance apply_pedal(const Performance& performance, PedalMode mode) {
  switch (mode) {
    case PedalMode::extend:
      return make_performance(extend_notes(performance));
    case PedalMode::tokens:
      return make_performance(performance.notes, pedal_changes(performance));
    case PedalMode::ignore:
      return make_performance(performance.notes);
  }
  return performance;
}

}  // namespace rondo::inline v0::music

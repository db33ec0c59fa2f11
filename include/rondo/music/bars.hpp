// SPDX-License-Identifier: MIT
// Start times of bars, to name a position in a piece by bar number. A MIDI file has bars only if its notes follow its
// beats.
#pragma once

#include <rondo/midi/file.hpp>
#include <rondo/midi/meta.hpp>
#include <rondo/midi/tempo_map.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rondo::inline v0::music {

/// Start of a bar. A repeated bar has two starts with the same number.
struct BarStart {
  double seconds;  ///< from the start of the piece
  int number;      ///< as printed: 1 for the first complete bar, 0 for an upbeat

  friend bool operator==(const BarStart&, const BarStart&) = default;
};

inline constexpr std::size_t kMaxBars = 100'000;  ///< files with more bars are treated as having none

namespace detail {

struct TimeSignature {
  midi::Ticks time;
  std::int64_t beats = 4;
  int beat_power = 2;  ///< beats are this power of two to the whole note

  bool same_metre(const TimeSignature& other) const { return beats == other.beats && beat_power == other.beat_power; }
};

/// Time signatures of all tracks in order of time, without repetitions, 4/4 before the first; empty if there are none.
inline std::vector<TimeSignature> time_signatures(const midi::File& file) {
  std::vector<TimeSignature> signatures;
  for (const midi::Track& track : file.tracks)
    for (const midi::Event& event : track.events) {
      if (!event.is_meta(midi::meta::kTimeSignature)) continue;
      const auto payload = track.payload(event);
      if (payload.size() != 4 || payload[0] == 0 || payload[1] > 6) continue;
      const TimeSignature sign{event.time, payload[0], payload[1]};
      if ((4 * std::int64_t{file.division.ticks_per_quarter} * sign.beats) >> sign.beat_power > 0)
        signatures.push_back(sign);
    }
  if (signatures.empty()) return signatures;
  std::stable_sort(signatures.begin(), signatures.end(),
                   [](const TimeSignature& a, const TimeSignature& b) { return a.time < b.time; });
  std::vector<TimeSignature> changes{{}};
  for (const TimeSignature& sign : signatures) {
    if (sign.time == changes.back().time) changes.pop_back();  // of several at one time the last counts
    if (changes.empty() || !sign.same_metre(changes.back())) changes.push_back(sign);
  }
  return changes;
}

/// Positions of note-ons relative to beats; channel 10, percussion, is excluded.
struct Onsets {
  midi::Ticks last{-1};
  std::size_t count = 0, on_beat = 0;  ///< on_beat: on a 24th of a quarter note, to which eighths, triplets ... belong
};

inline Onsets onsets(const midi::File& file) {
  constexpr int kDrums = 9;
  Onsets found;
  for (const midi::Track& track : file.tracks)
    for (const midi::Event& event : track.events) {
      if (!event.is_note_on() || event.channel() == kDrums) continue;
      ++found.count;
      found.last = std::max(found.last, event.time);
      // grid times are rounded to whole ticks, so a distance of less than one tick counts as on the grid
      const std::int64_t per_quarter = file.division.ticks_per_quarter, beside = event.time.value * 24 % per_quarter;
      if (std::min(beside, per_quarter - beside) < 24) ++found.on_beat;
    }
  return found;
}

}  // namespace detail

/// The bars of a file up to its last note, from its tempo map and time signatures, numbered from 1 as in a sequencer;
/// MIDI has no upbeats. Empty if bars are unknown: without a time signature or notes, with SMPTE time, in format 2, and
/// for freely played recordings. Recorders write 4/4 at 120 bpm by default, so a file with constant tempo has bars only
/// if at least half of its notes are on a 24th of a beat.
inline std::vector<BarStart> bar_starts(const midi::File& file) {
  if (file.division.is_smpte() || file.format == midi::Format::sequential) return {};
  const auto signs = detail::time_signatures(file);
  const detail::Onsets notes = detail::onsets(file);
  if (signs.empty() || notes.count == 0) return {};
  const midi::TempoMap map(file);
  const bool one_tempo = std::all_of(map.segments().begin(), map.segments().end(), [&](const auto& segment) {
    return segment.start > notes.last || segment.seconds_per_tick == map.segments().front().seconds_per_tick;
  });
  if (one_tempo && 2 * notes.on_beat < notes.count) return {};

  std::vector<BarStart> bars;
  std::size_t hint = 0;
  for (std::size_t s = 0; s < signs.size(); ++s) {
    const std::int64_t whole = 4 * std::int64_t{file.division.ticks_per_quarter} * signs[s].beats;
    for (std::int64_t k = 0;; ++k) {
      const midi::Ticks time = signs[s].time + midi::Ticks{(k * whole) >> signs[s].beat_power};
      if (time > notes.last || (s + 1 < signs.size() && time >= signs[s + 1].time)) break;
      if (bars.size() == kMaxBars) return {};
      bars.push_back({map.seconds(time, hint).value, static_cast<int>(bars.size()) + 1});
    }
  }
  return bars;
}

}  // namespace rondo::inline v0::music

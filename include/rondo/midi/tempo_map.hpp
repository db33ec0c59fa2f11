// SPDX-License-Identifier: MIT
// Ticks to seconds and back. Tempo events in any track apply to all tracks, so the map is merged over the tracks; of
// several events at one tick the last counts; before the first event the tempo is 120 bpm.
#pragma once

#include <rondo/midi/file.hpp>
#include <rondo/midi/meta.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace rondo::inline v0::midi {

/// Conversion between ticks and seconds for one file.
class TempoMap {
 public:
  /// A part of the file with constant tempo.
  struct Segment {
    Ticks start{};                ///< first tick
    Seconds start_seconds{};      ///< time of the first tick
    double seconds_per_tick = 0;  ///< length of a tick
  };

  /// Map of a file of format 0 or 1. In format 2 each track has its own map: use the other constructor.
  explicit TempoMap(const File& file) : TempoMap(file, 0, file.tracks.size()) {}

  /// Map of one track: its own in format 2, else that of the file.
  TempoMap(const File& file, std::size_t track)
      : TempoMap(file, file.format == Format::sequential ? track : 0,
                 file.format == Format::sequential ? track + 1 : file.tracks.size()) {}

  /// Time of a tick.
  Seconds seconds(Ticks time) const {
    std::size_t hint = 0;
    if (segments_.size() > 1) hint = find(time, [](Ticks t, const Segment& s) { return t < s.start; });
    return seconds(time, hint);
  }

  /// Time of a tick, in constant time if calls are in order of time: start with hint = 0 and pass it to each call.
  Seconds seconds(Ticks time, std::size_t& hint) const {
    while (hint + 1 < segments_.size() && segments_[hint + 1].start <= time) ++hint;
    while (hint > 0 && time < segments_[hint].start) --hint;
    const Segment& s = segments_[hint];
    return s.start_seconds + Seconds{static_cast<double>((time - s.start).value) * s.seconds_per_tick};
  }

  /// Nearest tick to a time.
  Ticks ticks(Seconds time) const {
    const Segment& s = segments_[find(time, [](Seconds t, const Segment& x) { return t < x.start_seconds; })];
    return s.start + Ticks{std::llround((time - s.start_seconds).value / s.seconds_per_tick)};
  }

  /// Segments in order of time; the first starts at tick 0.
  const std::vector<Segment>& segments() const { return segments_; }

 private:
  TempoMap(const File& file, std::size_t first, std::size_t last) {
    if (file.division.is_smpte()) {  // the length of a tick does not depend on the tempo
      segments_.push_back({{}, {}, file.division.smpte_seconds()});
      return;
    }
    struct Change {
      Ticks time;
      std::uint32_t tempo;
    };
    std::vector<Change> changes{{Ticks{0}, kDefaultTempo}};
    for (std::size_t k = first; k < last; ++k) {
      const Track& track = file.tracks[k];
      for (const Event& event : track.events) {
        if (!event.is_meta(meta::kTempo)) continue;
        if (const std::uint32_t value = tempo(track.payload(event)); value != 0) changes.push_back({event.time, value});
      }
    }
    std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.time < b.time; });
    for (const Change& change : changes) {
      const double seconds_per_tick = change.tempo * 1e-6 / file.division.ticks_per_quarter;
      if (segments_.empty() || segments_.back().start < change.time) {
        const Seconds start = segments_.empty() ? Seconds{} : end_of_last(change.time);
        segments_.push_back({change.time, start, seconds_per_tick});
      } else {
        segments_.back().seconds_per_tick = seconds_per_tick;
      }
    }
  }

  Seconds end_of_last(Ticks time) const {
    const Segment& s = segments_.back();
    return s.start_seconds + Seconds{static_cast<double>((time - s.start).value) * s.seconds_per_tick};
  }

  /// Index of the segment that contains `time`; times before 0 belong to the first.
  template <class Time, class Before>
  std::size_t find(Time time, Before before) const {
    const auto next = std::upper_bound(segments_.begin(), segments_.end(), time, before);
    return next == segments_.begin() ? 0 : static_cast<std::size_t>(next - segments_.begin() - 1);
  }

  std::vector<Segment> segments_;  // never empty
};

}  // namespace rondo::inline v0::midi

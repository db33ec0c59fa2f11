// SPDX-License-Identifier: MIT
// Summary of the tracks of a file.
#pragma once

#include <rondo/midi/file.hpp>
#include <rondo/midi/meta.hpp>
#include <rondo/midi/notes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rondo::inline v0::midi {

/// Summary of one track.
struct TrackSummary {
  std::string name;                 ///< text of the first track name event, bytes as in the file
  std::size_t events = 0;           ///< number of events without end-of-track
  std::size_t notes = 0;            ///< number of note-ons
  std::size_t controls = 0;         ///< number of control changes
  std::size_t pedal_events = 0;     ///< number of changes of CC64
  std::uint16_t channels = 0;       ///< bit k: channel k has a note
  std::uint8_t lowest_pitch = 127;  ///< lowest pitch; above highest_pitch if there are no notes
  std::uint8_t highest_pitch = 0;   ///< highest pitch
  Ticks end{};                      ///< end of the track
};

/// Summary of a track.
inline TrackSummary summarize(const Track& track) {
  TrackSummary summary;
  summary.events = track.events.size();
  summary.end = track.end;
  for (const Event& event : track.events) {
    if (event.is_note_on()) {
      ++summary.notes;
      summary.channels = static_cast<std::uint16_t>(summary.channels | 1u << event.channel());
      summary.lowest_pitch = std::min(summary.lowest_pitch, event.data1);
      summary.highest_pitch = std::max(summary.highest_pitch, event.data1);
    } else if (event.kind() == Kind::control_change) {
      ++summary.controls;
      if (event.data1 == kSustainPedal) ++summary.pedal_events;
    } else if (event.is_meta(meta::kTrackName) && summary.name.empty()) {
      summary.name = track.text(event);
    }
  }
  return summary;
}

/// Duration of a file in seconds: the end of the longest track.
inline Seconds duration(const File& file) {
  Seconds longest{};
  TempoMap map(file, 0);
  for (std::size_t k = 0; k < file.tracks.size(); ++k) {
    if (k > 0 && file.format == Format::sequential) map = TempoMap(file, k);
    longest = std::max(longest, map.seconds(file.tracks[k].end));
  }
  return longest;
}

}  // namespace rondo::inline v0::midi

// SPDX-License-Identifier: MIT
// From a performance in seconds to a MIDI file.
#pragma once

#include <rondo/midi/file.hpp>
#include <rondo/midi/meta.hpp>
#include <rondo/midi/notes.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace rondo::inline v0::midi {

/// Division of composed files. With 500 ticks per quarter note at the default tempo (120 bpm) a tick is one
/// millisecond, also for players that ignore tempo events.
inline constexpr std::uint16_t kComposeTicksPerQuarter = 500;
/// Ticks per second of composed files.
inline constexpr double kComposeTicksPerSecond = 1000;

/// A MIDI file of the performance, times rounded to the nearest millisecond. Notes, controllers and bends are written
/// to the tracks that they name; one track gives format 0, several give format 1. Events at one time are in the order
/// controllers, bends, note-offs, note-ons. If notes of one pitch overlap on one channel of a track, reading the file
/// ends the earliest first. `title`, unless empty, is the name of the first track. Throws std::invalid_argument for a
/// note that ends before it starts, and for a time that is negative or not finite.
File compose(const Performance<Seconds>& performance, std::string_view title = {});

namespace detail {

class Composer {
 public:
  File compose(const Performance<Seconds>& performance, std::string_view title) {
    for (const auto& change : performance.controls) {
      place(change.track, change.time, kControl, control_change({}, change.channel, change.controller, change.value));
    }
    for (const auto& bend : performance.pitch_bends) {
      place(bend.track, bend.time, kBend, pitch_bend({}, bend.channel, bend.value));
    }
    for (const auto& note : performance.notes) {
      const Ticks start = place(note.track, note.start, kOn, note_on({}, note.channel, note.pitch, note.velocity));
      // The end of a note without length must follow its own start, other ends go before the starts at their time.
      const Order order = ticks(note.end) == start ? kOffAtOnce : kOff;
      const Ticks end = place(note.track, note.end, order, note_off({}, note.channel, note.pitch));
      if (end < start) throw std::invalid_argument("midi::compose: a note ends before it starts");
    }

    std::stable_sort(placed_.begin(), placed_.end(), [](const Placed& a, const Placed& b) {
      return std::tie(a.event.time, a.order) < std::tie(b.event.time, b.order);
    });
    std::size_t tracks = 1;
    for (const Placed& p : placed_) tracks = std::max(tracks, p.track + std::size_t{1});

    File file{tracks == 1 ? Format::single_track : Format::simultaneous, Division::metrical(kComposeTicksPerQuarter),
              std::vector<Track>(tracks)};
    if (!title.empty()) file.tracks[0].add_text({}, meta::kTrackName, title);
    file.tracks[0].add_meta({}, meta::kTempo, tempo_payload(kDefaultTempo));
    for (const Placed& p : placed_) file.tracks[p.track].add(p.event);
    const Ticks end = ticks(performance.duration);
    for (Track& track : file.tracks) track.end = std::max(track.end, end);
    return file;
  }

 private:
  enum Order { kControl, kBend, kOff, kOn, kOffAtOnce };
  struct Placed {
    std::uint16_t track;
    Order order;
    Event event;
  };

  static Ticks ticks(Seconds time) {
    const double value = time.value * kComposeTicksPerSecond;
    if (!(value > -0.5 && value < 9e15)) {
      throw std::invalid_argument("midi::compose: time of " + std::to_string(time.value) + " s");
    }
    return {std::llround(value)};
  }

  Ticks place(std::uint16_t track, Seconds time, Order order, Event event) {
    event.time = ticks(time);
    placed_.push_back({track, order, event});
    return event.time;
  }

  std::vector<Placed> placed_;
};

}  // namespace detail

inline File compose(const Performance<Seconds>& performance, std::string_view title) {
  return detail::Composer().compose(performance, title);
}

}  // namespace rondo::inline v0::midi

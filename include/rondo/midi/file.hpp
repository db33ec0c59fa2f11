// SPDX-License-Identifier: MIT
// A Standard MIDI File as a value: the fields of its header, and its tracks.
#pragma once

#include <rondo/midi/track.hpp>

#include <cstdint>
#include <vector>

namespace rondo::inline v0::midi {

/// Format of a Standard MIDI File.
enum class Format : std::uint16_t {
  single_track = 0,  ///< one track
  simultaneous = 1,  ///< tracks are played together and share one tempo map
  sequential = 2,    ///< tracks are independent patterns, each with its own tempo map
};

/// Length of one tick: a fraction of a quarter note, whose length tempo events set, or of an SMPTE frame, whose length
/// is fixed.
struct Division {
  std::uint16_t ticks_per_quarter = 480;  ///< 1..32767; 0 with SMPTE
  std::uint8_t frames_per_second = 0;     ///< 1..128, in the standard 24, 25, 29 or 30; 0 without SMPTE
  std::uint8_t ticks_per_frame = 0;       ///< 1..255 with SMPTE

  /// A division in ticks per quarter note, 1..32767.
  static constexpr Division metrical(std::uint16_t ticks_per_quarter) { return {ticks_per_quarter, 0, 0}; }
  /// A division in ticks per SMPTE frame, 1..255.
  static constexpr Division smpte(std::uint8_t frames_per_second, std::uint8_t ticks_per_frame) {
    return {0, frames_per_second, ticks_per_frame};
  }
  constexpr bool is_smpte() const { return frames_per_second != 0; }  ///< whether ticks are fractions of SMPTE frames

  /// Length of one tick in seconds; SMPTE only. 29 frames per second means 30000/1001 (NTSC).
  constexpr double smpte_seconds() const {
    const double frames = frames_per_second == 29 ? 30000.0 / 1001.0 : frames_per_second;
    return 1.0 / (frames * ticks_per_frame);
  }

  friend bool operator==(const Division&, const Division&) = default;
};

/// A Standard MIDI File.
struct File {
  Format format = Format::simultaneous;  ///< format
  Division division{};                   ///< length of a tick
  std::vector<Track> tracks;             ///< tracks in the order of the file

  friend bool operator==(const File&, const File&) = default;
};

}  // namespace rondo::inline v0::midi

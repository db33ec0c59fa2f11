// SPDX-License-Identifier: MIT
// A Standard MIDI File as a value: what its header says, and its tracks.
#pragma once

#include <rondo/midi/track.hpp>

#include <cstdint>
#include <vector>

namespace rondo::inline v0::midi {

enum class Format : std::uint16_t {
  single_track = 0,
  simultaneous = 1,  ///< tracks sound together and share one tempo map
  sequential = 2,    ///< tracks are patterns of their own, each with its own tempo
};

/// What one tick is: a share of a quarter note, whose length tempo events set, or a share of an SMPTE frame, which has
/// a fixed length.
struct Division {
  std::uint16_t ticks_per_quarter = 480;  ///< 1..32767; 0 where SMPTE is in use
  std::uint8_t frames_per_second = 0;     ///< 1..128, by the standard 24, 25, 29 or 30; 0 where SMPTE is not in use
  std::uint8_t ticks_per_frame = 0;       ///< 1..255 with SMPTE

  static constexpr Division metrical(std::uint16_t ticks_per_quarter) { return {ticks_per_quarter, 0, 0}; }
  static constexpr Division smpte(std::uint8_t frames_per_second, std::uint8_t ticks_per_frame) {
    return {0, frames_per_second, ticks_per_frame};
  }
  constexpr bool is_smpte() const { return frames_per_second != 0; }

  /// Of one tick, with SMPTE only. 29 stands for the 30000/1001 frames per second of colour television.
  constexpr double smpte_seconds() const {
    const double frames = frames_per_second == 29 ? 30000.0 / 1001.0 : frames_per_second;
    return 1.0 / (frames * ticks_per_frame);
  }

  friend bool operator==(const Division&, const Division&) = default;
};

struct File {
  Format format = Format::simultaneous;
  Division division{};
  std::vector<Track> tracks;

  friend bool operator==(const File&, const File&) = default;
};

}  // namespace rondo::inline v0::midi

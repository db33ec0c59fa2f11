// SPDX-License-Identifier: MIT
// A performance: what the hands and the right foot of a pianist do, in seconds.
#pragma once

#include <rondo/midi/note.hpp>

#include <vector>

namespace rondo::inline v0::music {

/// CC64 from 64 up is down: half-pedalling counts by which side of the middle it is on.
constexpr bool is_pedal_down(int value) { return value >= 64; }

struct Performance {
  std::vector<midi::Note<midi::Seconds>> notes;
  std::vector<midi::ControlChange<midi::Seconds>> pedal;  // CC64; at one instant, in the order of the file

  friend bool operator==(const Performance&, const Performance&) = default;
};

}  // namespace rondo::inline v0::music

// SPDX-License-Identifier: MIT
// Primers from files.
#pragma once

#include "piano/data/primer.hpp"

#include <rondo/music/bars.hpp>
#include <rondo/music/pedal.hpp>

#include <filesystem>
#include <vector>

namespace piano {

/// `seconds` (> 0) of a MIDI file or an ABC score, from its first note at or after `from` seconds, in that pedal mode.
/// All tracks and channels are merged; the drums (channel 10) are left out. `bars`, if not null, receives the bars of
/// the whole file. Throws what read_piece throws, and std::runtime_error with the file's name if no note begins at
/// `from` or later.
Primer read_primer(const std::filesystem::path& path, double seconds, rondo::music::PedalMode pedal, double from = 0,
                   std::vector<rondo::music::BarStart>* bars = nullptr);

}  // namespace piano

// SPDX-License-Identifier: MIT
// What reading one file of music gives: enough for every pedal mode, so that it need be read only once for all of them.
#pragma once

#include <rondo/music/dataset.hpp>
#include <rondo/music/pedal.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace piano {

struct ParsedPiece {
  rondo::music::Piece piece;                       // before a pedal mode is applied
  std::vector<rondo::midi::Seconds> sounding_end;  // of each note: when pedal and key have let it go; kNeverSounds
  std::uint64_t music = 0;                         // a hash of notes and pedal, whatever else the file says
  std::string problem;                             // to stand behind the path; empty: none
  bool permanent = true;                           // the problem is the file's own, not that of a right or a disk

  static constexpr rondo::midi::Seconds kNeverSounds{-1};  // another note of its pitch took its place as it began
};

/// Reads a MIDI file or an ABC score. Throws nothing: what is wrong is in `problem`.
ParsedPiece read_music(const std::filesystem::path& path);

/// The piece as a model of that mode hears it: apply_pedal, already worked out.
rondo::music::Piece apply_pedal_mode(ParsedPiece reading, rondo::music::PedalMode mode);

}  // namespace piano

// SPDX-License-Identifier: MIT
// A parsed music file, with all that the pedal modes need, so that one cache serves all of them.
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
  std::vector<rondo::midi::Seconds> sounding_end;  // of each note: when key and pedal are released; kNeverSounds
  std::uint64_t music = 0;                         // a hash of notes and pedal, independent of other content
  std::string problem;                             // error message, to be appended to the path; empty: none
  bool permanent = true;                           // the problem is in the file; it is not a permission or disk error

  static constexpr rondo::midi::Seconds kNeverSounds{-1};  // replaced at once by another note of its pitch
};

/// Reads a MIDI file or an ABC score. Does not throw: errors are in `problem`.
ParsedPiece read_music(const std::filesystem::path& path);

/// The piece in that pedal mode, as music::apply_pedal would give it.
rondo::music::Piece apply_pedal_mode(ParsedPiece parsed, rondo::music::PedalMode mode);

}  // namespace piano

// SPDX-License-Identifier: MIT
// The music files that the program reads: MIDI files and ABC scores, by the extension of their names.
#pragma once

#include <rondo/music/dataset.hpp>

#include <filesystem>

namespace piano {

/// Whether the name's extension, in any case, is .abc, and whether it is that or one of MIDI files.
bool is_score_name(const std::filesystem::path& path);
bool is_music_name(const std::filesystem::path& path);

/// A piece as its file has it, before a PedalMode is applied: rondo::music::read_piece of a MIDI file, the performance
/// of a score. Throws what rondo::music::read_piece throws, and AbcError.
rondo::music::Piece read_piece(const std::filesystem::path& path);

}  // namespace piano

// SPDX-License-Identifier: MIT
// The music files that the program reads: MIDI files and ABC scores, by the extension of their names.
#pragma once

#include <rondo/music/dataset.hpp>

#include <filesystem>

namespace piano {

/// Whether the name's extension, in either case, is .abc; whether it is .abc or that of a MIDI file.
bool is_score_name(const std::filesystem::path& path);
bool is_music_name(const std::filesystem::path& path);

/// Reads a piece, before a PedalMode is applied: a MIDI file by rondo::music::read_piece, a score as its performance.
/// Throws what rondo::music::read_piece throws, and AbcError.
rondo::music::Piece read_piece(const std::filesystem::path& path);

}  // namespace piano

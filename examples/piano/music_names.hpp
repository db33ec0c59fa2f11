// SPDX-License-Identifier: MIT
// Names of rondo::midi and rondo::music that the whole program uses, without their namespace.
#pragma once

#include <rondo/midi/note.hpp>
#include <rondo/music/bars.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/performance.hpp>
#include <rondo/music/vocabulary.hpp>

namespace piano {

namespace midi = rondo::midi;
namespace music = rondo::music;

using music::BarStart;
using music::ControlChange;
using music::kPitches;
using music::Note;
using music::Performance;
using music::Piece;
using music::Token;

}  // namespace piano

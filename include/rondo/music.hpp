// SPDX-License-Identifier: MIT
// MIDI files and music: events, notes, performances, tokens, data sets. Needs only the standard library.
#pragma once

#include <rondo/midi/compose.hpp>
#include <rondo/midi/notes.hpp>
#include <rondo/midi/reader.hpp>
#include <rondo/midi/writer.hpp>
#include <rondo/music/augment.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/condition.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/grammar.hpp>
#include <rondo/music/load.hpp>
#include <rondo/music/pedal.hpp>
#include <rondo/music/token_features.hpp>
#include <rondo/music/tokens.hpp>
#include <rondo/music/vocabulary.hpp>
#include <rondo/version.hpp>

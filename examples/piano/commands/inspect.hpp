// SPDX-License-Identifier: MIT
// `piano inspect FILE...`: what is in MIDI files and what was wrong with them.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

/// Adds the subcommand. It runs when the command line is parsed, and leaves with CLI::RuntimeError(1), after all files
/// have been treated and each complaint has gone to stderr, if one of them could not be read or written.
void add_inspect(CLI::App& piano);

}  // namespace piano

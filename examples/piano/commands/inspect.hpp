// SPDX-License-Identifier: MIT
// `piano inspect FILE...`: the contents and errors of MIDI files.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

/// Adds the subcommand. It runs when the command line is parsed. If a file cannot be read or written, it prints an
/// error to stderr, continues with the other files and throws CLI::RuntimeError(1) at the end.
void add_inspect(CLI::App& piano);

}  // namespace piano

// SPDX-License-Identifier: MIT
// `piano tokenize`: music files into shards, for sets that do not fit into memory.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

/// Adds the subcommand. It runs when the command line is parsed, and throws std::runtime_error.
void add_tokenize(CLI::App& piano);

}  // namespace piano

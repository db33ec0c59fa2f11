// SPDX-License-Identifier: MIT
// `piano explore`: several models, primers, temperatures and seeds, side by side on one page.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

/// Adds the subcommand.
void add_explore(CLI::App& piano);

}  // namespace piano

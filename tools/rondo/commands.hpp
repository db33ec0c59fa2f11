// SPDX-License-Identifier: MIT
// The subcommands of `rondo`. Each function adds one to `app`; errors are exceptions.
#pragma once

#include <CLI/CLI.hpp>

namespace tool {

void add_inspect(CLI::App& app);
void add_run(CLI::App& app);
void add_convert(CLI::App& app);
void add_bench(CLI::App& app);

}  // namespace tool

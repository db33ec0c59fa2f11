// SPDX-License-Identifier: MIT
// `piano train`: trains a model and writes a run folder.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_train(CLI::App& piano);

}  // namespace piano

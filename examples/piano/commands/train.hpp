// SPDX-License-Identifier: MIT
// `piano train`: learns from performances and writes a run's folder.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_train(CLI::App& piano);

}  // namespace piano

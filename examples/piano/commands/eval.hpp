// SPDX-License-Identifier: MIT
// `piano eval`: evaluates a trained model on given performances.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_eval(CLI::App& piano);

}  // namespace piano

// SPDX-License-Identifier: MIT
// `piano sample`: new performances from a trained model, written as MIDI files with a manifest.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_sample(CLI::App& piano);

}  // namespace piano

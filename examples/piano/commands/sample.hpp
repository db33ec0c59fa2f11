// SPDX-License-Identifier: MIT
// `piano sample`: samples performances from a trained model; writes MIDI files and a manifest.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_sample(CLI::App& piano);

}  // namespace piano

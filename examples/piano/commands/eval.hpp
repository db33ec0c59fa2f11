// SPDX-License-Identifier: MIT
// `piano eval`: how well a trained model foretells given performances, in nats.
#pragma once

#include <CLI/CLI.hpp>

namespace piano {

void add_eval(CLI::App& piano);

}  // namespace piano

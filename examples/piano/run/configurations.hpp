// SPDX-License-Identifier: MIT
// Presets of `train`: configurations by name.
#pragma once

#include "piano/run/run_dir.hpp"

#include <string>
#include <vector>

namespace piano {

struct Configuration {
  std::string name, about;
  Config config;
};

/// In order of size; "default" is the first.
const std::vector<Configuration>& configurations();

/// Their names.
std::vector<std::string> configuration_names();

/// The configuration of that name. Throws std::invalid_argument with a list of all names.
const Config& configuration(const std::string& name);

}  // namespace piano

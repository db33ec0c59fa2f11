// SPDX-License-Identifier: MIT
// Configurations by name: settings that go together, and were tried together.
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

/// The one of that name. Throws std::invalid_argument naming those there are.
const Config& configuration(const std::string& name);

}  // namespace piano

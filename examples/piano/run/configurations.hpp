// SPDX-License-Identifier: MIT
// Presets of `train`: configurations by name, and the one that suits the data and the time at hand.
#pragma once

#include "piano/run/run_dir.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace piano {

struct Configuration {
  std::string name, about;
  Config config;
};

/// What a training run has.
struct AtHand {
  std::size_t tokens;              ///< of the training pieces, without their variants
  std::int64_t steps;              ///< length of the run; 0: `minutes`
  double minutes;                  ///< length of the run, if `steps` is 0
  int threads;                     ///< of the processor
  int tokens_per_batch = 32 * 64;  ///< in a step
};

/// A configuration, and about how often the run reads the training pieces with it.
struct Choice {
  Config config;
  double passes;
};

/// The configuration for a run: always with all conditions. The network is 1 x 256, and 2 x 512 for millions of tokens
/// and much time. A run that reads the pieces three times or more is regularised, thirty times or more
/// strongly, unless there are many more tokens than weights. Minutes are converted by the speed of a processor core.
/// See docs/07-train-and-sample.md.
Choice choose_configuration(const AtHand& at_hand);

/// In order of size; "default" is the first.
const std::vector<Configuration>& configurations();

/// Their names.
std::vector<std::string> configuration_names();

/// The configuration of that name. Throws std::invalid_argument with a list of all names.
const Config& configuration(const std::string& name);

}  // namespace piano

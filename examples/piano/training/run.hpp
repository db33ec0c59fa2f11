// SPDX-License-Identifier: MIT
// A run of training from beginning to end, or from where it stopped: data, steps, evaluations, what is written on the
// way, what is shown.
#pragma once

#include "device.hpp"
#include "piano/data/load.hpp"
#include "piano/run/run_dir.hpp"
#include "piano/training/progress.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <string>

namespace piano {

struct TrainingOptions {
  Config config;
  examples::DeviceOptions device;
  LoadOptions loading;
  std::string run_dir;
  int evaluations = 10;
  int patience = 0;     // evaluations in a row that are no better before the run ends early; 0: never
  bool resume = false;  // go on with the run in run_dir; of config only steps and minutes count then
};

/// A stop that was asked for by Ctrl-C (or SIGTERM) is heeded after the step under way. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool requested() const;

 private:
  void (*former_interrupt_)(int);
  void (*former_terminate_)(int);
};

/// Trains. Returns what `piano train --json` prints; `stopped` in it says how the run ended: "done", "patience" or
/// "interrupt". Throws std::runtime_error where data, settings or disk don't allow it; what was saved before is
/// unharmed.
nlohmann::json train(const TrainingOptions& options, Progress& progress);

}  // namespace piano

// SPDX-License-Identifier: MIT
// A training run from its beginning, or resumed: data, steps, evaluations, output files, progress.
#pragma once

#include "device.hpp"
#include "piano/data/load.hpp"
#include "piano/run/run_dir.hpp"
#include "piano/training/progress.hpp"

#include <rondo/distributed/communicator.hpp>

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstddef>
#include <functional>
#include <string>

namespace piano {

struct TrainingOptions {
  Config config;  // with config.from, the run starts from the weights of that run, which has the same network
  examples::DeviceOptions device;
  LoadOptions loading;
  std::string run_dir;
  bool cuda_graph = true;  // a GPU runs each step as one CUDA graph, where that is possible
  int evaluations = 10;
  int patience = 0;  // early stopping after that many evaluations without improvement; 0: never
  /// Completes the configuration of a new run by the number of training tokens; returns a line for the user.
  std::function<std::string(Config&, std::size_t)> choose;
  bool resume = false;  // resume the run in run_dir; of config only steps and minutes are used
};

/// Catches SIGINT (Ctrl-C) and SIGTERM while it lives; the caller polls requested(). One guard at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  static bool requested();

 private:
  void (*former_interrupt_)(int);
  void (*former_terminate_)(int);
};

/// Trains. Returns what `piano train --json` prints; its `stop_reason` is "done", "patience" or "interrupt". Throws
/// std::runtime_error for errors in data, settings or on disk; files that were saved before are unchanged. With several
/// ranks, rank 0 writes the files, and the result of the others is null. Collective.
nlohmann::json train(const TrainingOptions& options, rondo::Communicator& ranks, Progress& progress);

}  // namespace piano

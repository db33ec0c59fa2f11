// SPDX-License-Identifier: MIT
// The likelihood of pieces under the model of a run, computed on the device that the command line asks for.
#pragma once

#include "device.hpp"
#include "piano/evaluation/evaluate.hpp"
#include "piano/run/run_dir.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>

namespace piano {

struct DeviceEvaluation {
  Likelihood likelihood;                      // without look-ahead conditions
  std::optional<Likelihood> conditioned;      // with them, if the model has them
  std::map<std::string, std::string> device;  // {device, precision, ...}
};

/// Evaluates the best model of `run`, `batch_size` sequences at a time. Throws std::runtime_error if the device is not
/// available, rondo::file_error for the weights.
DeviceEvaluation evaluate_on_device(const RunDir& run, Config config, std::span<const rondo::music::Piece> pieces,
                                    int batch_size, const examples::DeviceOptions& device);

}  // namespace piano

// SPDX-License-Identifier: MIT
// --device, --precision and --recurrent-algorithm of the programs. A program is a template over the device; only this
// file depends on whether it was built with CUDA (RONDO_EXAMPLES_CUDA, which CMake sets if it links rondo::cuda).
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/precision.hpp>
#ifdef RONDO_EXAMPLES_CUDA
#include <rondo/cuda.hpp>
#endif

#include <CLI/CLI.hpp>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// Device settings. They are not part of a training run: it can be resumed with others.
struct DeviceOptions {
  std::string device = "cpu", precision = "fp32", recurrent_algorithm = "automatic";

  rondo::Precision lstm_precision() const {
    const auto found = rondo::precision_named(precision);
    if (!found) throw std::runtime_error("--precision: there is no precision " + precision);
    return *found;
  }
};

/// Adds them to `app`; `o` must live until it has parsed. Settings that need a GPU are command-line errors without
/// --device cuda.
inline void add_device_options(CLI::App& app, DeviceOptions& o) {
  std::vector<std::string> precisions;
  for (const rondo::Precision precision : rondo::kPrecisions) precisions.push_back(name(precision));
  app.add_option("--device", o.device, "device that the network runs on")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--precision", o.precision,
                 "number format that the operands of the LSTM's matrix products are rounded to: fp32 or bf16; with "
                 "--device cuda also tf32, fp16")
      ->check(CLI::IsMember(precisions));
  app.add_option("--recurrent-algorithm", o.recurrent_algorithm,
                 "algorithm of the recurrent kernels, with --device cuda")
      ->check(CLI::IsMember(
          {"automatic", "stepwise", "graph", "grid_persistent", "cluster_persistent", "dataflow_persistent"}));
  app.parse_complete_callback([&o] {
    if (o.device == "cuda") return;
    if (o.precision != "fp32" && o.precision != "bf16")
      throw CLI::ValidationError("--precision " + o.precision, "needs --device cuda");
    if (o.recurrent_algorithm != "automatic")
      throw CLI::ValidationError("--recurrent-algorithm " + o.recurrent_algorithm, "needs --device cuda");
  });
}

/// The device's name, for messages.
inline std::string name_of(rondo::Cpu) { return "CPU"; }
/// Device and settings, for a JSON report.
inline std::map<std::string, std::string> report_of(rondo::Cpu, const DeviceOptions& o) {
  return {{"device", "cpu"}, {"precision", o.precision}};
}

#ifdef RONDO_EXAMPLES_CUDA
inline std::string name_of(rondo::Cuda) { return rondo::cuda::Context::current().device().name; }
inline std::map<std::string, std::string> report_of(rondo::Cuda device, const DeviceOptions& o) {
  return {{"device", "cuda"},
          {"precision", o.precision},
          {"device_name", name_of(device)},
          {"recurrent_algorithm", rondo::cuda::name(rondo::cuda::Context::current().last_algorithm())}};
}

inline rondo::cuda::RecurrentAlgorithm recurrent_algorithm(const DeviceOptions& o) {
  using enum rondo::cuda::RecurrentAlgorithm;
  for (const auto algorithm : {automatic, stepwise, graph, grid_persistent, cluster_persistent, dataflow_persistent})
    if (o.recurrent_algorithm == rondo::cuda::name(algorithm)) return algorithm;
  throw std::runtime_error("--recurrent-algorithm: there is no algorithm " + o.recurrent_algorithm);
}
#endif

/// Calls f(device) with the tag of the device in `o`. Throws std::runtime_error if it is not available.
template <class F>
void with_device(const DeviceOptions& o, F&& f) {
  if (o.device == "cpu") {
    f(rondo::Cpu{});
    return;
  }
#ifdef RONDO_EXAMPLES_CUDA
  if (!rondo::cuda::available()) throw std::runtime_error("--device cuda: there is no GPU, or no driver for it");
  rondo::cuda::Context context;
  context.set_recurrent_algorithm(recurrent_algorithm(o));
  context.set_algorithm_choice(
      rondo::cuda::AlgorithmChoice::deterministic);  // a run is repeatable, and so are its bits
  const rondo::cuda::ContextGuard use(context);
  f(rondo::Cuda{});
#else
  throw std::runtime_error("--device cuda: built without CUDA; configure with -DRONDO_CUDA=ON");
#endif
}

}  // namespace examples

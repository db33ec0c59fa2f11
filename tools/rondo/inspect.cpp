// SPDX-License-Identifier: MIT
#include "rondo/commands.hpp"
#include "rondo/describe.hpp"

#include <rondo/io/inference_model.hpp>
#include <rondo/io/self_test.hpp>

#include <cstdio>
#include <iostream>
#include <memory>

namespace tool {

namespace {

struct InspectOptions {
  std::string model;
  bool json = false;
};

void inspect(const InspectOptions& options) {
  const rondo::ModelDescription model = read(options.model);
  const rondo::InferenceModel<float> network(model);
  const auto difference = self_test_difference(model);
  nlohmann::json result = summary(model, network.path());
  if (difference)
    result["self_test"] = {{"difference", *difference}, {"passed", *difference <= self_test_limit(*model.self_test)}};
  result["warnings"] = model.warnings;
  result["metadata"] = model.weights.metadata;
  if (options.json) {
    std::cout << result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return;
  }
  std::printf("%s\n", model.format.c_str());
  for (const rondo::Module& module : model.modules) std::printf("  %s\n", describe(module).c_str());
  const std::string inputs = !model.takes_tokens() ? count(model.input(), "input")
                             : model.input() == 1  ? "tokens"
                                                   : count(model.input(), "id") + " per step";
  std::printf("%s, %s, %s\n", inputs.c_str(), count(model.output(), "output").c_str(),
              count(model.parameters(), "parameter").c_str());
  if (model.sample_rate > 0) std::printf("sample rate %g Hz\n", model.sample_rate);
  std::printf("recurrent path: %s; %s\n", network.path().c_str(),
              model.streams() ? "also runs as a stream, step by step" : "runs on whole sequences");
  if (difference)
    std::printf("self-test: %s, largest difference %.2g\n",
                *difference <= self_test_limit(*model.self_test) ? "passed" : "FAILED", *difference);
  for (const std::string& warning : model.warnings) std::printf("warning: %s\n", warning.c_str());
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto* command = app.add_subcommand("inspect", "What is in a model file: modules, sizes, parameters, self-test");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("model", options->model, "model file, or folder of `piano train`")->required();
  command->add_flag("--json", options->json, "print one JSON object");
  command->callback([options] { inspect(*options); });
}

}  // namespace tool

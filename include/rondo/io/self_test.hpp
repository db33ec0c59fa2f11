// SPDX-License-Identifier: MIT
// The self-test of a model file: an input with the output that the program which wrote the file computed for it.
#pragma once

#include <rondo/io/inference_model.hpp>
#include <rondo/io/model_description.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace rondo::inline RONDO_ABI {

/// The largest difference between the expected and the computed output (in float) of the file's self-test; none if the
/// file has no self-test. NaN counts as infinity. Throws file_error if the number of values does not fit the model.
inline std::optional<double> self_test_difference(const ModelDescription& model) {
  if (!model.self_test) return std::nullopt;
  const SelfTest& test = *model.self_test;
  ModelDescription tested = model;
  tested.self_test.reset();
  const auto first = model.modules.begin() + static_cast<std::ptrdiff_t>(test.first_module);
  tested.modules.assign(first, first + static_cast<std::ptrdiff_t>(test.modules));
  const InferenceModel<float> network(tested);
  const auto C = static_cast<std::size_t>(network.input()), K = static_cast<std::size_t>(network.output());
  const std::size_t steps = test.input.size() / C;
  if (steps == 0 || test.input.size() != steps * C || test.output.size() != steps * K)
    throw file_error(detail::concat("the self-test has ", test.input.size(), " inputs and ", test.output.size(),
                                    " outputs; the model has C = ", C, ", K = ", K));

  const auto T = static_cast<Index>(steps);
  auto state = network.initial_state(1);
  InferenceModel<float>::Workspace work;
  const Sequence<float>* y = nullptr;
  if (network.takes_tokens()) {
    std::vector<std::int32_t> tokens;
    for (double id : test.input) {
      if (!(id >= (C > 1 ? kNoToken : 0) && id < 2e9)) throw file_error("the self-test has an input that is no token");
      tokens.push_back(static_cast<std::int32_t>(id));
    }
    y = &network.forward(tokens, 1, T, state, work);
  } else {
    Sequence<float> x(network.input(), 1, T);
    std::ranges::transform(test.input, x.data(), [](double v) { return static_cast<float>(v); });
    y = &network.forward(x, state, work);
  }
  double worst = 0;
  for (std::size_t n = 0; n < test.output.size(); ++n) {
    const double difference = std::abs(static_cast<double>(y->data()[n]) - test.output[n]);
    worst = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(worst, difference);
  }
  return worst;
}

/// The largest difference that the file's self-test may have: its tolerance, times the largest expected output if that
/// is above 1.
inline double self_test_limit(const SelfTest& test) {
  double largest = 1;
  for (double y : test.output) largest = std::max(largest, std::abs(y));
  return test.tolerance * largest;
}

/// Throws file_error if the file has a self-test that fails: this library computes something else than the program that
/// wrote the file.
inline void require_self_test(const ModelDescription& model) {
  const auto difference = self_test_difference(model);
  if (difference && !(*difference <= self_test_limit(*model.self_test)))
    throw file_error(detail::concat("the self-test of the file fails: the largest difference is ", *difference,
                                    ", wanted at most ", self_test_limit(*model.self_test)));
}

}  // namespace rondo::inline RONDO_ABI

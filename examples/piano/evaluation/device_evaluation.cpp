// SPDX-License-Identifier: MIT
#include "piano/evaluation/device_evaluation.hpp"

#include <rondo/core/random.hpp>
#include <rondo/io/checkpoint.hpp>
#include <rondo/layers/token_model.hpp>

namespace piano {

DeviceEvaluation evaluate_on_device(const RunDir& run, Config config, std::span<const rondo::music::Piece> pieces,
                                    int batch_size, const examples::DeviceOptions& options) {
  config.model.precision = options.lstm_precision();
  DeviceEvaluation result;
  examples::with_device(options, [&]<class Device>(Device device) {
    rondo::Rng rng(0);
    rondo::TokenModel<float, Device> model(config.model, rng);
    rondo::load_model(run.model(), model);
    result.likelihood = evaluate(model, pieces, config.input_spec(), false, batch_size);
    if (config.conditions.needs_lookahead())
      result.conditioned = evaluate(model, pieces, config.input_spec(), true, batch_size);
    result.device = examples::report_of(device, options);
  });
  return result;
}

}  // namespace piano

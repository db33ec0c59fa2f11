// SPDX-License-Identifier: MIT
// How well a model foretells pieces: negative log-likelihood in nats, in all and by kind of event, and whether it is
// right as often as it believes.
#pragma once

#include "piano/evaluation/reset_state.hpp"

#include <rondo/core/transfer.hpp>
#include <rondo/cpu/losses.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/vocabulary.hpp>
#include "piano/evaluation/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

namespace piano {

struct Likelihood {
  static constexpr std::size_t kKinds = 5;  // of rondo::music::EventKind
  std::array<double, kKinds> nats{};
  std::array<std::size_t, kKinds> tokens{};
  double seconds = 0;       // of the time shifts among them
  Calibration calibration;  // of the predicted token, under all before it

  double total_nats() const;
  std::size_t total_tokens() const;
  double per_token() const { return total_nats() / static_cast<double>(total_tokens()); }
  double of(rondo::music::EventKind kind) const;  // per token of that kind; 0 where there is none
};

/// Every token of every piece but its first, given all before it. The model runs on its device, the logits of a batch
/// at a time come to the host. A model with conditions hears those of `input_spec`, those that look ahead only if
/// `conditioned`: then its likelihood is not to be compared with others'.
template <class Device>
Likelihood evaluate(const rondo::TokenModel<float, Device>& model, std::span<const rondo::music::Piece> pieces,
                    const rondo::music::InputSpec& input_spec, bool conditioned = false) {
  constexpr int kBatch = 16, kSteps = 128;
  rondo::music::EvaluationBatches sweep(pieces, kBatch, kSteps, input_spec, conditioned);
  const rondo::Index B = sweep.batch(), V = model.config().vocabulary;
  auto state = model.zero_state(B);
  typename rondo::TokenModel<float, Device>::Cache cache;
  Likelihood result;
  while (const auto* batch = sweep.next()) {
    reset_state(state, batch->reset);
    const auto& logits = model.forward(batch->inputs, B, kSteps, state, cache, rondo::Inference{});
    rondo::with_host_copy(Device{}, logits.flat(), [&](rondo::MatrixView<const float> on_host) {
      for (rondo::Index j = 0; j < B * kSteps; ++j) {
        const auto target = batch->targets[static_cast<std::size_t>(j)];
        if (target == rondo::kIgnoreIndex) continue;
        const float* z = &on_host(0, j);
        const auto event = rondo::music::event_of(target);
        const auto kind = static_cast<std::size_t>(event.kind);
        const auto nats =
            rondo::softmax_cross_entropy_column(rondo::Cpu{}, z, V, target, 0.0f, static_cast<float*>(nullptr));
        result.nats[kind] += nats;
        result.tokens[kind] += 1;
        if (event.kind == rondo::music::EventKind::time_shift)
          result.seconds += event.value * rondo::music::kStepSeconds;
        const float* const highest = std::max_element(z, z + V);
        const rondo::Index predicted = highest - z;
        // -ln p(target) = ln sum e^z - z_target, so p(predicted) = e^(z_likeliest - z_target) p(target)
        result.calibration.add(std::exp(static_cast<double>(*highest) - z[target] - nats), predicted == target);
      }
    });
  }
  return result;
}

}  // namespace piano

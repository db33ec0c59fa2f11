// SPDX-License-Identifier: MIT
// How well a model predicts pieces: the negative log-likelihood in nats, in total and by kind of event, and the
// calibration.
#pragma once

#include "piano/evaluation/calibration.hpp"
#include "piano/evaluation/reset_state.hpp"

#include <rondo/core/transfer.hpp>
#include <rondo/cpu/losses.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/vocabulary.hpp>

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
  double seconds = 0;       // sum of the time shifts
  Calibration calibration;  // of the most likely token, given all tokens before it

  double total_nats() const;
  std::size_t total_tokens() const;
  double per_token() const { return total_nats() / static_cast<double>(total_tokens()); }
  double of(rondo::music::EventKind kind) const;  // per token of that kind; 0 if there is none
};

/// Evaluates every token of every piece except its first, given all tokens before it. The model runs on its device; the
/// logits are copied to the host batch by batch, `batch_size` sequences at a time. The model receives the conditions of
/// `input_spec`; those that look ahead only if `conditioned`, and then the likelihood is not comparable to that of
/// other models.
template <class Device>
Likelihood evaluate(const rondo::TokenModel<float, Device>& model, std::span<const rondo::music::Piece> pieces,
                    const rondo::music::InputSpec& input_spec, bool conditioned = false, int batch_size = 16) {
  constexpr int kSteps = 128;
  rondo::music::EvaluationBatches sweep(pieces, batch_size, kSteps, input_spec, conditioned);
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
        // -ln p(target) = ln sum e^z - z_target, so p(predicted) = e^(z_predicted - z_target) p(target)
        result.calibration.add(std::exp(static_cast<double>(*highest) - z[target] - nats), predicted == target);
      }
    });
  }
  return result;
}

}  // namespace piano

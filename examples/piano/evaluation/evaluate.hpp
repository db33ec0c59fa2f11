// SPDX-License-Identifier: MIT
// How well a model predicts pieces: the negative log-likelihood in nats, in total and by kind of event, and the
// calibration.
#pragma once

#include "piano/evaluation/calibration.hpp"
#include "piano/grammar_mask.hpp"

#include <rondo/core/transfer.hpp>
#include <rondo/distributed/communicator.hpp>
#include <rondo/layers/token_model.hpp>
#include <rondo/music/batches.hpp>
#include <rondo/music/dataset.hpp>
#include <rondo/music/vocabulary.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

  /// Adds predictions: the logits of each step, V x steps, and its target; kIgnoreIndex leaves a step out.
  void add(rondo::MatrixView<const float> logits, std::span<const std::int32_t> targets);
  /// Adds those of another part of the music.
  void add(const Likelihood& other);
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
  const rondo::Index B = sweep.batch();
  auto state = model.zero_state(B);
  typename rondo::TokenModel<float, Device>::Cache cache;
  Likelihood result;
  while (const auto* batch = sweep.next()) {
    state.reset(batch->reset);
    const auto& logits =
        model.forward(batch->inputs, B, kSteps, state, cache, rondo::Inference{}, mask_of(batch->excluded));
    rondo::with_host_copy(Device{}, logits.flat(),
                          [&](rondo::MatrixView<const float> on_host) { result.add(on_host, batch->targets); });
  }
  return result;
}

/// The same, shared among ranks: each evaluates a part of the pieces. Collective; all ranks have the same result.
template <class Device>
Likelihood evaluate(const rondo::TokenModel<float, Device>& model, std::span<const rondo::music::Piece> pieces,
                    const rondo::music::InputSpec& input_spec, rondo::Communicator& ranks) {
  if (ranks.size() == 1) return evaluate(model, pieces, input_spec);
  std::vector<rondo::music::Piece> own;
  for (auto n = static_cast<std::size_t>(ranks.rank()); n < pieces.size(); n += static_cast<std::size_t>(ranks.size()))
    own.push_back(pieces[n]);
  Likelihood all;
  for (const Likelihood& of_rank : gather_values(
           ranks, own.empty() ? Likelihood{} : evaluate(model, std::span<const rondo::music::Piece>(own), input_spec)))
    all.add(of_rank);
  return all;
}

}  // namespace piano

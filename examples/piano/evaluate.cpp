// SPDX-License-Identifier: MIT
#include "evaluate.hpp"
#include "streams.hpp"

#include <rondo/music/batches.hpp>

#include <numeric>

namespace piano {

double Likelihood::total_nats() const { return std::accumulate(nats.begin(), nats.end(), 0.0); }
std::size_t Likelihood::total_tokens() const { return std::accumulate(tokens.begin(), tokens.end(), std::size_t{0}); }

double Likelihood::of(rondo::music::EventKind kind) const {
  const auto k = static_cast<std::size_t>(kind);
  return tokens[k] > 0 ? nats[k] / static_cast<double>(tokens[k]) : 0;
}

Likelihood evaluate(const rondo::TokenModel<float>& model, std::span<const rondo::music::Piece> pieces) {
  constexpr int kBatch = 16, kSteps = 128;
  rondo::music::Sweep sweep(pieces, kBatch, kSteps);
  const rondo::Index B = sweep.batch(), V = model.config().vocabulary;
  auto state = model.zero_state(B);
  rondo::TokenModel<float>::Cache cache;
  Likelihood result;
  while (const auto* batch = sweep.next()) {
    restart(state, batch->reset);
    const auto& logits = model.forward(batch->inputs, B, kSteps, state, cache);
    for (rondo::Index j = 0; j < B * kSteps; ++j) {
      const auto target = batch->targets[static_cast<std::size_t>(j)];
      if (target == rondo::kIgnore) continue;
      const float* z = &logits.flat()(0, j);
      const auto kind = static_cast<std::size_t>(rondo::music::kind_of(target));
      result.nats[kind] +=
          rondo::softmax_cross_entropy_column(rondo::Cpu{}, z, V, target, 0.0f, static_cast<float*>(nullptr));
      result.tokens[kind] += 1;
      rondo::Index likeliest = 0;
      rondo::column(z, V).maxCoeff(&likeliest);
      result.correct += likeliest == target;
    }
  }
  return result;
}

}  // namespace piano

// SPDX-License-Identifier: MIT
#include "piano/evaluation/evaluate.hpp"

#include <rondo/cpu/losses.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace piano {

double Likelihood::total_nats() const { return std::accumulate(nats.begin(), nats.end(), 0.0); }
std::size_t Likelihood::total_tokens() const { return std::accumulate(tokens.begin(), tokens.end(), std::size_t{0}); }

double Likelihood::of(rondo::music::EventKind kind) const {
  const auto k = static_cast<std::size_t>(kind);
  return tokens[k] > 0 ? nats[k] / static_cast<double>(tokens[k]) : 0;
}

void Likelihood::add(rondo::MatrixView<const float> logits, std::span<const std::int32_t> targets) {
  const rondo::Index V = logits.rows;
  for (rondo::Index j = 0; j < logits.cols; ++j) {
    const auto target = targets[static_cast<std::size_t>(j)];
    if (target == rondo::kIgnoreIndex) continue;
    const float* z = &logits(0, j);
    const auto event = rondo::music::event_of(target);
    const auto kind = static_cast<std::size_t>(event.kind);
    const auto lost =
        rondo::softmax_cross_entropy_column(rondo::Cpu{}, z, V, target, 0.0f, static_cast<float*>(nullptr));
    nats[kind] += lost;
    tokens[kind] += 1;
    if (event.kind == rondo::music::EventKind::time_shift) seconds += event.value * rondo::music::kStepSeconds;
    const float* const highest = std::max_element(z, z + V);
    const rondo::Index predicted = highest - z;
    // -ln p(target) = ln sum e^z - z_target, so p(predicted) = e^(z_predicted - z_target) p(target)
    calibration.add(std::exp(static_cast<double>(*highest) - z[target] - lost), predicted == target);
  }
}

void Likelihood::add(const Likelihood& other) {
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    nats[kind] += other.nats[kind];
    tokens[kind] += other.tokens[kind];
  }
  seconds += other.seconds;
  calibration.add(other.calibration);
}

}  // namespace piano

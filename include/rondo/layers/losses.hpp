// SPDX-License-Identifier: MIT
// Losses: negative log-likelihood in nats. Both leave out what is masked (padding of a ragged batch; targets of
// kIgnoreIndex), and their gradient is that of the mean over what counts, so a masked step changes nothing.
#pragma once

#include <rondo/core/loss.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/cpu/losses.hpp>

#include <cstdint>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// What the gradient of a mean is scaled by.
template <class Scalar>
Scalar one_over(Index count) {
  return count > 0 ? Scalar(1) / static_cast<Scalar>(count) : Scalar(0);
}

}  // namespace detail

/// -log softmax(logits)[target], summed. logits: V x B x T; targets: B*T ids on the host, target (b, t) at b + B * t,
/// kIgnoreIndex masks. d_logits, unless null, becomes the gradient of the mean.
template <class Scalar, class Device>
Loss softmax_cross_entropy(const Sequence<Scalar, Device>& logits, std::span<const std::int32_t> targets,
                           std::type_identity_t<Sequence<Scalar, Device>>* d_logits) {
  const Index V = logits.features(), B = logits.batch();
  require_shape(static_cast<Index>(targets.size()) == B * logits.time(), "softmax_cross_entropy: ", targets.size(),
                " targets, logits are ", logits.shape());
  Loss loss;
  for (Index t = 0; t < logits.time(); ++t)
    for (Index b = 0; b < B; ++b) {
      const auto target = targets[static_cast<std::size_t>(b + B * t)];
      if (target == kIgnoreIndex || !logits.active(b, t)) continue;
      require_shape(0 <= target && target < V, "softmax_cross_entropy: target ", target, " with V = ", V);
      ++loss.count;
    }
  if (d_logits) d_logits->resize_like(logits, V);
  loss.sum = softmax_cross_entropy_sum(Device{}, logits, targets, detail::one_over<Scalar>(loss.count), d_logits);
  return loss;
}

/// Cross-entropy of K independent Bernoulli variables a step, given by their logits; summed over K, counted by steps.
/// targets: K x B x T of values in [0, 1]. The mask is the lengths of `logits`. d_logits as above.
template <class Scalar, class Device>
Loss bernoulli_cross_entropy(const Sequence<Scalar, Device>& logits, const Sequence<Scalar, Device>& targets,
                             std::type_identity_t<Sequence<Scalar, Device>>* d_logits) {
  const Index K = logits.features(), B = logits.batch();
  require_shape(targets.features() == K && targets.batch() == B && targets.time() == logits.time(),
                "bernoulli_cross_entropy: targets are ", targets.shape(), ", logits are ", logits.shape());
  Loss loss;
  loss.count = logits.active_steps();
  if (d_logits) d_logits->resize_like(logits, K);
  loss.sum = bernoulli_cross_entropy_sum(Device{}, logits, targets, detail::one_over<Scalar>(loss.count), d_logits);
  return loss;
}

}  // namespace rondo::inline RONDO_ABI

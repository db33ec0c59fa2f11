// SPDX-License-Identifier: MIT
// Losses: negative log-likelihood in nats. Both leave out what is masked (padding of a ragged batch; targets of
// kIgnore), and their gradient is that of the mean over what counts, so a masked step changes nothing.
#pragma once

#include <rondo/core/sequence.hpp>
#include <rondo/cpu/losses.hpp>
#include <rondo/cpu/sum_of_parts.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace rondo::inline v0 {

/// A target that does not count.
inline constexpr std::int32_t kIgnore = -1;

struct Loss {
  double sum = 0;   // nats
  Index count = 0;  // steps that counted
  double mean() const { return count > 0 ? sum / static_cast<double>(count) : 0; }
};

namespace detail {

/// The sum of f(b, t) over all columns of z, which the threads share.
template <class Scalar, class F>
double sum_of_columns(const Sequence<Scalar>& z, F&& f) {
  const Index B = z.batch();
  return sum_of_parts(B * z.time(), z.size(), [&](Index first, Index last) {
    double sum = 0;
    for (Index j = first; j < last; ++j) sum += f(j % B, j / B);
    return sum;
  });
}

}  // namespace detail

/// -log softmax(logits)[target], summed. logits: V x B x T; targets: B*T ids, target (b, t) at b + B * t, kIgnore
/// masks. d_logits, unless null, becomes the gradient of the mean.
template <class Scalar>
Loss softmax_cross_entropy(const Sequence<Scalar>& logits, std::span<const std::int32_t> targets,
                           Sequence<Scalar>* d_logits) {
  const Index V = logits.features(), B = logits.batch();
  require_shape(static_cast<Index>(targets.size()) == B * logits.time(), "softmax_cross_entropy: ", targets.size(),
                " targets, logits are ", logits.shape());
  const auto counts = [&](Index b, Index t) {
    return targets[static_cast<std::size_t>(b + B * t)] != kIgnore && logits.active(b, t);
  };
  Loss loss;
  for (Index t = 0; t < logits.time(); ++t)
    for (Index b = 0; b < B; ++b)
      if (counts(b, t)) {
        const auto target = targets[static_cast<std::size_t>(b + B * t)];
        require_shape(0 <= target && target < V, "softmax_cross_entropy: target ", target, " with V = ", V);
        ++loss.count;
      }
  if (d_logits) d_logits->resize_like(logits, V);
  const auto scale = loss.count > 0 ? Scalar(1) / static_cast<Scalar>(loss.count) : Scalar(0);
  loss.sum = detail::sum_of_columns(logits, [&](Index b, Index t) {
    Scalar* d = d_logits ? &(*d_logits)(0, b, t) : nullptr;
    if (counts(b, t))
      return softmax_cross_entropy_column(Cpu{}, &logits(0, b, t), V, targets[static_cast<std::size_t>(b + B * t)],
                                          scale, d);
    if (d) std::fill_n(d, V, Scalar(0));
    return 0.0;
  });
  return loss;
}

/// Cross-entropy of K independent Bernoulli variables a step, given by their logits; summed over K, counted by steps.
/// targets: K x B x T of values in [0, 1]. The mask is the lengths of `logits`. d_logits as above.
template <class Scalar>
Loss bernoulli_cross_entropy(const Sequence<Scalar>& logits, const Sequence<Scalar>& targets,
                             Sequence<Scalar>* d_logits) {
  const Index K = logits.features(), B = logits.batch();
  require_shape(targets.features() == K && targets.batch() == B && targets.time() == logits.time(),
                "bernoulli_cross_entropy: targets are ", targets.shape(), ", logits are ", logits.shape());
  Loss loss;
  loss.count = logits.active_steps();
  if (d_logits) d_logits->resize_like(logits, K);
  const auto scale = loss.count > 0 ? Scalar(1) / static_cast<Scalar>(loss.count) : Scalar(0);
  loss.sum = detail::sum_of_columns(logits, [&](Index b, Index t) {
    Scalar* d = d_logits ? &(*d_logits)(0, b, t) : nullptr;
    if (logits.active(b, t))
      return bernoulli_cross_entropy_column(Cpu{}, &logits(0, b, t), &targets(0, b, t), K, scale, d);
    if (d) std::fill_n(d, K, Scalar(0));
    return 0.0;
  });
  return loss;
}

}  // namespace rondo::inline v0

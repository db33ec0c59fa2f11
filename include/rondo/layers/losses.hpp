// SPDX-License-Identifier: MIT
// Losses: negative log-likelihood in nats. Both exclude masked steps (padding of a ragged batch, targets of
// kIgnoreIndex). The gradient is that of the mean over the included steps.
#pragma once

#include <rondo/core/loss.hpp>
#include <rondo/core/sequence.hpp>
#include <rondo/core/transfer.hpp>
#include <rondo/cpu/losses.hpp>

#include <cstdint>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Scale of the gradient of a mean.
template <class Scalar>
Scalar one_over(Index count) {
  return count > 0 ? Scalar(1) / static_cast<Scalar>(count) : Scalar(0);
}

/// Checks the arguments, and resizes d_logits. Returns the number of included steps.
template <class Scalar, class Device>
Index begin_softmax_loss(const Sequence<Scalar, Device>& logits, std::span<const std::int32_t> targets,
                         Sequence<Scalar, Device>* d_logits) {
  const Index V = logits.features(), B = logits.batch();
  require_shape(static_cast<Index>(targets.size()) == B * logits.time(), "softmax_cross_entropy: ", targets.size(),
                " targets, logits are ", logits.shape());
  Index count = 0;
  for (Index t = 0; t < logits.time(); ++t)
    for (Index b = 0; b < B; ++b) {
      const auto target = targets[static_cast<std::size_t>(b + B * t)];
      if (target == kIgnoreIndex || !logits.active(b, t)) continue;
      require_shape(0 <= target && target < V, "softmax_cross_entropy: target ", target, " with V = ", V);
      ++count;
    }
  if (d_logits) d_logits->resize_like(logits, V);
  return count;
}

/// The same for bernoulli_cross_entropy.
template <class Scalar, class Device>
Index begin_bernoulli_loss(const Sequence<Scalar, Device>& logits, const Sequence<Scalar, Device>& targets,
                           Sequence<Scalar, Device>* d_logits) {
  const Index K = logits.features(), B = logits.batch();
  require_shape(targets.features() == K && targets.batch() == B && targets.time() == logits.time(),
                "bernoulli_cross_entropy: targets are ", targets.shape(), ", logits are ", logits.shape());
  if (d_logits) d_logits->resize_like(logits, K);
  return logits.active_steps();
}

}  // namespace detail

/// A loss whose sum stays in the memory of the device until it is asked for. Reused between steps, it stops allocating.
template <class Device = Cpu>
class DeferredLoss {
 public:
  /// The loss. Waits for the device.
  Loss get() const {
    Loss loss{0, count_};
    with_host_copy(Device{}, MatrixView<const double>{sum_.data(), sum_.size(), 1, 1}, [&](auto host) {
      if (host.rows > 0) loss.sum = host(0, 0);
    });
    return loss;
  }

  /// Makes this the loss of `count` steps. Returns where its sum is to be written, on the device.
  double* reset(Index count) {
    count_ = count;
    sum_.resize(1);
    return sum_.data();
  }

 private:
  Buffer<double, Device> sum_;
  Index count_ = 0;
};

/// Sum of -log softmax(logits)[target] in nats (torch.nn.CrossEntropyLoss). logits: V x B x T; targets: B*T ids on the
/// host, target (b, t) at b + B * t; kIgnoreIndex excludes a step. d_logits, unless null, is resized to V x B x T and
/// set to the gradient of Loss::mean(), zero at excluded steps. Throws shape_error for a wrong number of targets or a
/// target out of range.
template <class Scalar, class Device>
Loss softmax_cross_entropy(const Sequence<Scalar, Device>& logits, std::span<const std::int32_t> targets,
                           std::type_identity_t<Sequence<Scalar, Device>>* d_logits) {
  Loss loss;
  loss.count = detail::begin_softmax_loss(logits, targets, d_logits);
  loss.sum = softmax_cross_entropy_sum(Device{}, logits, targets, detail::one_over<Scalar>(loss.count), d_logits);
  return loss;
}

/// The same without waiting for the device: the sum is in `loss`.
template <class Scalar, class Device>
void softmax_cross_entropy(const Sequence<Scalar, Device>& logits, std::span<const std::int32_t> targets,
                           std::type_identity_t<Sequence<Scalar, Device>>* d_logits, DeferredLoss<Device>& loss) {
  const Index count = detail::begin_softmax_loss(logits, targets, d_logits);
  softmax_cross_entropy_sum_to(Device{}, logits, targets, detail::one_over<Scalar>(count), d_logits, loss.reset(count));
}

/// Cross-entropy in nats of K independent Bernoulli variables per step, given by their logits
/// (torch.nn.BCEWithLogitsLoss); summed over K, counted by steps. logits, targets: K x B x T; targets are in [0, 1].
/// Padding of `logits` is excluded. d_logits, unless null, is resized to K x B x T and set to the gradient of
/// Loss::mean(). Throws shape_error.
template <class Scalar, class Device>
Loss bernoulli_cross_entropy(const Sequence<Scalar, Device>& logits, const Sequence<Scalar, Device>& targets,
                             std::type_identity_t<Sequence<Scalar, Device>>* d_logits) {
  Loss loss;
  loss.count = detail::begin_bernoulli_loss(logits, targets, d_logits);
  loss.sum = bernoulli_cross_entropy_sum(Device{}, logits, targets, detail::one_over<Scalar>(loss.count), d_logits);
  return loss;
}

/// The same without waiting for the device: the sum is in `loss`.
template <class Scalar, class Device>
void bernoulli_cross_entropy(const Sequence<Scalar, Device>& logits, const Sequence<Scalar, Device>& targets,
                             std::type_identity_t<Sequence<Scalar, Device>>* d_logits, DeferredLoss<Device>& loss) {
  const Index count = detail::begin_bernoulli_loss(logits, targets, d_logits);
  bernoulli_cross_entropy_sum_to(Device{}, logits, targets, detail::one_over<Scalar>(count), d_logits,
                                 loss.reset(count));
}

}  // namespace rondo::inline RONDO_ABI

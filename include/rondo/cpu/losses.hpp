// SPDX-License-Identifier: MIT
// Losses on the CPU, one column at a time. V classes, K Bernoulli variables.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/loss.hpp>
#include <rondo/core/sequence.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// Returns -log softmax(z)[target] of one column z (V). Unless d is null, sets d (V) to scale * (softmax(z) -
/// one_hot(target)). A column stays in L1 between the passes over it, so that memory is read once.
template <class Scalar>
double softmax_cross_entropy_column(Cpu, const Scalar* z, Index V, std::int32_t target, Scalar scale, Scalar* d);

/// Returns the sum over one column z (K) of -[y log sigmoid(z) + (1-y) log(1 - sigmoid(z))]. It is computed as
/// max(z, 0) - y z + log(1 + exp(-|z|)), which does not overflow. Unless d is null, sets d (K) to
/// scale * (sigmoid(z) - y).
template <class Scalar>
double bernoulli_cross_entropy_column(Cpu, const Scalar* z, const Scalar* y, Index K, Scalar scale, Scalar* d);

/// Returns the sum of the loss over all columns that are not ignored: padding and targets kIgnoreIndex. Unless null,
/// d_logits becomes the gradient times `scale`, zero in ignored columns.
template <class Scalar>
double softmax_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, std::span<const std::int32_t> targets,
                                 Scalar scale, Sequence<Scalar>* d_logits);

/// Returns the sum of the Bernoulli loss over all columns that are not padding. Unless null, d_logits becomes the
/// gradient times `scale`, zero in padding.
template <class Scalar>
double bernoulli_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, const Sequence<Scalar>& targets,
                                   Scalar scale, Sequence<Scalar>* d_logits);

/// The same losses; the sum is written to *sum.
template <class Scalar>
void softmax_cross_entropy_sum_to(Cpu cpu, const Sequence<Scalar>& logits, std::span<const std::int32_t> targets,
                                  Scalar scale, Sequence<Scalar>* d_logits, double* sum) {
  *sum = softmax_cross_entropy_sum(cpu, logits, targets, scale, d_logits);
}
template <class Scalar>
void bernoulli_cross_entropy_sum_to(Cpu cpu, const Sequence<Scalar>& logits, const Sequence<Scalar>& targets,
                                    Scalar scale, Sequence<Scalar>* d_logits, double* sum) {
  *sum = bernoulli_cross_entropy_sum(cpu, logits, targets, scale, d_logits);
}

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/losses.inl>
#endif

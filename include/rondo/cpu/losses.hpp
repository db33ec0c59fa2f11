// SPDX-License-Identifier: MIT
// Losses on the CPU, column by column.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/loss.hpp>
#include <rondo/core/sequence.hpp>

#include <cstdint>
#include <span>

namespace rondo::inline RONDO_ABI {

/// -log softmax(z)[target] of one column z (V); d becomes scale * (softmax(z) - one_hot(target)) where d is not null.
/// One pass over memory: a column stays in L1 from its maximum to its last scaling.
template <class Scalar>
double softmax_cross_entropy_column(Cpu, const Scalar* z, Index V, std::int32_t target, Scalar scale, Scalar* d);

/// Sum over one column of -[y log sigmoid(z) + (1-y) log(1 - sigmoid(z))]; d becomes scale * (sigmoid(z) - y) where d
/// is not null. Computed as max(z, 0) - y z + log(1 + exp(-|z|)), which does not overflow.
template <class Scalar>
double bernoulli_cross_entropy_column(Cpu, const Scalar* z, const Scalar* y, Index K, Scalar scale, Scalar* d);

/// The sum over all columns that are not ignored. d_logits, unless null, becomes their gradients times `scale`, zeros
/// in ignored columns.
template <class Scalar>
double softmax_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, std::span<const std::int32_t> targets,
                                 Scalar scale, Sequence<Scalar>* d_logits);

/// The same for Bernoulli variables.
template <class Scalar>
double bernoulli_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, const Sequence<Scalar>& targets,
                                   Scalar scale, Sequence<Scalar>* d_logits);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/losses.inl>
#endif

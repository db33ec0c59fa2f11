// SPDX-License-Identifier: MIT
// Regression losses on the CPU. Several threads process columns in parallel.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/regression_loss.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Returns the sum over all active columns of weight * error.loss(y - target), summed in double. Unless d has no data,
/// it becomes the gradient times `scale`, zero in inactive columns. y, targets, d: C x (B*T).
template <class Scalar, template <class> class Error>
double regression_loss_sum(Cpu, const Error<Scalar>& error, ConstView<Scalar> y, ConstView<Scalar> targets,
                           const StepMask<Scalar>& mask, Scalar scale, MatrixView<Scalar> d);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/regression_losses.inl>
#endif

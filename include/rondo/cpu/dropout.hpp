// SPDX-License-Identifier: MIT
// Dropout on the CPU: draws a mask of zeros and 1/(1-p), and multiplies by it.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Sets each value of mask to 0 with probability p, else to 1/(1-p); y = x * mask. Draws one random number per value,
/// in column-major order.
template <class Scalar>
void dropout_forward(Cpu, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y);

/// d *= mask. On entry d is the gradient of y, on return that of x.
template <class Scalar>
void dropout_backward(Cpu, ConstView<Scalar> mask, MatrixView<Scalar> d);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/dropout.inl>
#endif

// SPDX-License-Identifier: MIT
// Operations of dropout on the CPU: a mask of zeros and 1/(1-p), and the product with it.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/random.hpp>
#include <rondo/core/view.hpp>

namespace rondo::inline RONDO_ABI {

/// Each value of mask becomes 0 with probability p, else 1/(1-p); y = x * mask. One number of the generator is used for
/// each value, in their order.
template <class Scalar>
void dropout_forward(Cpu, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y);

/// d *= mask: the gradient of y becomes that of x.
template <class Scalar>
void dropout_backward(Cpu, ConstView<Scalar> mask, MatrixView<Scalar> d);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/dropout.inl>
#endif

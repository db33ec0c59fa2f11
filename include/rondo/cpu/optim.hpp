// SPDX-License-Identifier: MIT
// Optimiser operations on one parameter on the CPU, each in one pass over memory. Several threads process large
// parameters; results are bit-identical for any number of threads.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/core/view.hpp>

#include <type_traits>

namespace rondo::inline RONDO_ABI {

/// m += (1-beta1) (g - m);  v += (1-beta2) (g^2 - v);  w = weight_decay_factor w - step_size m / (sqrt(v) /
/// bias_correction2_sqrt + epsilon).
template <class Scalar>
void adam_update(Cpu, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g, MatrixView<Scalar> m,
                 MatrixView<Scalar> v);

/// Sum of squares of a, in double.
template <class Scalar>
double squared_norm(Cpu, MatrixView<Scalar> a);

/// a *= factor.
template <class Scalar>
void scale(Cpu, MatrixView<Scalar> a, std::type_identity_t<Scalar> factor);

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/optim.inl>
#endif

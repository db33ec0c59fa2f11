// SPDX-License-Identifier: MIT
// Optimiser operations on one parameter on the CPU, each in one pass over memory. Several threads process large
// parameters; results are bit-identical for any number of threads.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/core/operations.hpp>
#include <rondo/core/view.hpp>

#include <cmath>
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

// ---- the same with numbers in the memory of the device, for steps that do not wait for it

/// *sum += the sum of squares of a.
template <class Scalar>
void add_squared_norm(Cpu cpu, MatrixView<Scalar> a, double* sum) {
  *sum += squared_norm(cpu, a);
}

/// values[0], in: the sum of squares, out: its root, a norm. values[1]: the factor that limits the norm to max_norm; 1
/// if it is smaller or not finite.
inline void norm_and_clip_factor(Cpu, double max_norm, double* values) {
  const double norm = std::sqrt(values[0]);
  values[0] = norm;
  values[1] = std::isfinite(norm) && norm > max_norm ? max_norm / norm : 1;
}

/// a *= *factor.
template <class Scalar>
void scale_by(Cpu cpu, MatrixView<Scalar> a, const double* factor) {
  if (*factor != 1) scale(cpu, a, static_cast<Scalar>(*factor));
}

/// adam_update, unless *norm is infinite or NaN.
template <class Scalar>
void adam_update_if_finite(Cpu cpu, const double* norm, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g,
                           MatrixView<Scalar> m, MatrixView<Scalar> v) {
  if (std::isfinite(*norm)) adam_update(cpu, s, w, g, m, v);
}

}  // namespace rondo::inline RONDO_ABI

#if !defined(RONDO_COMPILED)
#include <rondo/cpu/optim.inl>
#endif

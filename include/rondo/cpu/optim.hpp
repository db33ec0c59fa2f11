// SPDX-License-Identifier: MIT
// What the optimiser does to one parameter, on the CPU, each in one pass over memory.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/cpu/eigen.hpp>

#include <cmath>

namespace rondo::inline v0 {

/// The numbers of one Adam step, the same for every parameter.
struct AdamStep {
  double rate;             // learning rate over the first moment's bias correction
  double beta1, beta2;     // decay of the moments
  double root_correction;  // sqrt(1 - beta2^step)
  double epsilon;
  double shrink;  // 1 - learning rate * weight decay; 1 where nothing decays
};

/// m += (1-beta1) (g - m);  v += (1-beta2) (g^2 - v);  w = shrink w - rate m / (sqrt(v) / root_correction +
/// epsilon).
template <class Scalar>
void adam_update(Cpu, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g, MatrixView<Scalar> m,
                 MatrixView<Scalar> v) {
  // Rounded once from double: in float 1 - beta2 is wrong by 1.3e-5, and so would be every step.
  const auto rest1 = Scalar(1 - s.beta1), rest2 = Scalar(1 - s.beta2);
  const auto rate = Scalar(s.rate), epsilon = Scalar(s.epsilon);
  const auto root = Scalar(1 / s.root_correction), shrink = Scalar(s.shrink);
  const Index size = w.rows * w.cols;
  auto weight = column(w.data, size), first = column(m.data, size), second = column(v.data, size);
  const auto gradient = column(g.data, size);
  first += rest1 * (gradient - first);
  second += rest2 * (gradient.square() - second);
  weight = shrink * weight - rate * first / (second.sqrt() * root + epsilon);
}

/// The sum of squares of a, in double.
template <class Scalar>
double squared_norm(Cpu, MatrixView<Scalar> a) {
  double sum = 0;
  for (Index j = 0; j < a.cols; ++j)
    sum += column(a.data + j * a.stride, a.rows).template cast<double>().square().sum();
  return sum;
}

template <class Scalar>
void scale(Cpu, MatrixView<Scalar> a, std::type_identity_t<Scalar> factor) {
  matrix(a) *= factor;
}

}  // namespace rondo::inline v0

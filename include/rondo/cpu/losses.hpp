// SPDX-License-Identifier: MIT
// What the losses compute of one column, on the CPU.
#pragma once

#include <rondo/core/device.hpp>
#include <rondo/cpu/eigen.hpp>

#include <cmath>
#include <cstdint>

namespace rondo::inline v0 {

/// -log softmax(z)[target] of one column z (V); d becomes scale * (softmax(z) - one_hot(target)) where d is not null.
template <class Scalar>
double softmax_cross_entropy_column(Cpu, const Scalar* z, Index V, std::int32_t target, Scalar scale, Scalar* d) {
  const auto logits = column(z, V);
  const Scalar highest = logits.maxCoeff();
  if (!d) {
    const Scalar total = (logits - highest).exp().sum();
    return std::log(static_cast<double>(total)) + (static_cast<double>(highest) - static_cast<double>(z[target]));
  }
  auto gradient = column(d, V);
  gradient = (logits - highest).exp();
  const Scalar total = gradient.sum();
  gradient *= scale / total;
  d[target] -= scale;
  return std::log(static_cast<double>(total)) + (static_cast<double>(highest) - static_cast<double>(z[target]));
}

/// Sum over one column of -[y log sigmoid(z) + (1-y) log(1 - sigmoid(z))]; d becomes scale * (sigmoid(z) - y) where d
/// is not null. Written as max(z, 0) - y z + log(1 + exp(-|z|)), which overflows for no z.
template <class Scalar>
double bernoulli_cross_entropy_column(Cpu, const Scalar* z, const Scalar* y, Index K, Scalar scale, Scalar* d) {
  const auto logits = column(z, K), targets = column(y, K);
  const double sum =
      static_cast<double>((logits.max(Scalar(0)) - targets * logits + (-logits.abs()).exp().log1p()).sum());
  if (d) column(d, K) = scale * (logits.logistic() - targets);
  return sum;
}

}  // namespace rondo::inline v0

// SPDX-License-Identifier: MIT
// Definitions of cpu/losses.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// d = scale * softmax(z), unless d is null. Returns `highest` and `total` with log(sum of e^z) = highest + log(total).
template <class Scalar>
auto softmax_column(const Scalar* z, Index V, Scalar scale, Scalar* d) {
  struct Total {
    Scalar highest, total;
  };
  if constexpr (std::is_same_v<Scalar, float>)
    if (const Kernels* fast = kernels()) {
      const SoftmaxTotal t = fast->elementwise.softmax(z, V, scale, d);
      return Total{t.highest, t.total};
    }
  const auto logits = column(z, V);
  const Scalar highest = logits.maxCoeff();
  if (!d) return Total{highest, (logits - highest).exp().sum()};
  auto gradient = column(d, V);
  gradient = (logits - highest).exp();
  const Scalar total = gradient.sum();
  gradient *= scale / total;
  return Total{highest, total};
}

}  // namespace detail

template <class Scalar>
double softmax_cross_entropy_column(Cpu, const Scalar* z, Index V, std::int32_t target, Scalar scale, Scalar* d) {
  const auto [highest, total] = detail::softmax_column(z, V, scale, d);
  if (d) d[target] -= scale;
  return std::log(static_cast<double>(total)) + (static_cast<double>(highest) - static_cast<double>(z[target]));
}

template <class Scalar>
double bernoulli_cross_entropy_column(Cpu, const Scalar* z, const Scalar* y, Index K, Scalar scale, Scalar* d) {
  const auto logits = column(z, K), targets = column(y, K);
  const double sum =
      static_cast<double>((logits.max(Scalar(0)) - targets * logits + (-logits.abs()).exp().log1p()).sum());
  if (d) column(d, K) = scale * (logits.logistic() - targets);
  return sum;
}

namespace detail {

/// Sum of f(b, t, d) over all columns of z, in several threads. d: the column of the gradient, or null.
template <class Scalar, class F>
double sum_of_columns(const Sequence<Scalar>& z, Sequence<Scalar>* gradient, F&& f) {
  const Index B = z.batch();
  return parallel_sum(B * z.time(), z.size(), [&](Index first, Index last) {
    double sum = 0;
    for (Index j = first; j < last; ++j) sum += f(j % B, j / B, gradient ? &gradient->flat()(0, j) : nullptr);
    return sum;
  });
}

/// An ignored column: loss 0, gradient 0.
template <class Scalar>
double masked_column(Scalar* d, Index rows) {
  if (d) std::fill_n(d, rows, Scalar(0));
  return 0;
}

}  // namespace detail

template <class Scalar>
double softmax_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, std::span<const std::int32_t> targets,
                                 Scalar scale, Sequence<Scalar>* d_logits) {
  const Index V = logits.features(), B = logits.batch();
  return detail::sum_of_columns(logits, d_logits, [&](Index b, Index t, Scalar* d) {
    const auto target = targets[static_cast<std::size_t>(b + B * t)];
    if (target == kIgnoreIndex || !logits.active(b, t)) return detail::masked_column(d, V);
    return softmax_cross_entropy_column(cpu, &logits(0, b, t), V, target, scale, d);
  });
}

template <class Scalar>
double bernoulli_cross_entropy_sum(Cpu cpu, const Sequence<Scalar>& logits, const Sequence<Scalar>& targets,
                                   Scalar scale, Sequence<Scalar>* d_logits) {
  const Index K = logits.features();
  return detail::sum_of_columns(logits, d_logits, [&](Index b, Index t, Scalar* d) {
    if (!logits.active(b, t)) return detail::masked_column(d, K);
    return bernoulli_cross_entropy_column(cpu, &logits(0, b, t), &targets(0, b, t), K, scale, d);
  });
}

}  // namespace rondo::inline RONDO_ABI

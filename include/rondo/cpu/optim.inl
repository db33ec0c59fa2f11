// SPDX-License-Identifier: MIT
// Definitions of cpu/optim.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/parallel.hpp>

#include <algorithm>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

template <class Scalar>
void adam_update(Cpu, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g, MatrixView<Scalar> m,
                 MatrixView<Scalar> v) {
  // Rounded once from double: 1 - beta2 computed in float has a relative error of 1.3e-5, in every step.
  const auto one_minus_beta1 = Scalar(1 - s.beta1), one_minus_beta2 = Scalar(1 - s.beta2);
  const auto step_size = Scalar(s.step_size), epsilon = Scalar(s.epsilon);
  const auto inv_bias_correction2_sqrt = Scalar(1 / s.bias_correction2_sqrt),
             weight_decay_factor = Scalar(s.weight_decay_factor);
  const Index size = w.rows * w.cols;
  detail::parallel_for(size, 64, 4 * size, [&](Index begin, Index end) {
    if constexpr (std::is_same_v<Scalar, float>)
      if (const detail::Kernels* fast = detail::kernels()) {
        fast->elementwise.adam(
            {one_minus_beta1, one_minus_beta2, step_size, epsilon, inv_bias_correction2_sqrt, weight_decay_factor},
            end - begin, w.data + begin, g.data + begin, m.data + begin, v.data + begin);
        return;
      }
    constexpr Index kBlock = 1024;  // small enough for L1
    for (Index i = begin; i < end; i += kBlock) {
      const Index n = std::min(kBlock, end - i);
      auto weight = column(w.data + i, n), first = column(m.data + i, n), second = column(v.data + i, n);
      const auto gradient = column(g.data + i, n);
      first += one_minus_beta1 * (gradient - first);
      second += one_minus_beta2 * (gradient.square() - second);
      weight = weight_decay_factor * weight - step_size * first / (second.sqrt() * inv_bias_correction2_sqrt + epsilon);
    }
  });
}

template <class Scalar>
double squared_norm(Cpu, MatrixView<Scalar> a) {
  const auto of_column = [&](Index j) {
    if constexpr (std::is_same_v<Scalar, float>)
      if (const detail::Kernels* fast = detail::kernels())
        return fast->elementwise.sum_of_squares(a.data + j * a.stride, a.rows);
    return column(a.data + j * a.stride, a.rows).template cast<double>().square().sum();
  };
  return detail::parallel_sum(a.cols, a.rows * a.cols, [&](Index first, Index last) {
    double sum = 0;
    for (Index j = first; j < last; ++j) sum += of_column(j);
    return sum;
  });
}

template <class Scalar>
void scale(Cpu, MatrixView<Scalar> a, std::type_identity_t<Scalar> factor) {
  detail::parallel_for(a.cols, 1, a.rows * a.cols,
                       [&](Index first, Index last) { matrix(a.columns(first, last - first)) *= factor; });
}

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
// Definitions of cpu/dropout.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/kernels.hpp>
#include <rondo/cpu/parallel.hpp>

#include <cstdint>
#include <type_traits>

namespace rondo::inline RONDO_ABI {

namespace detail {

template <class... Views>
bool all_contiguous(const Views&... a) {
  return ((a.stride == a.rows) && ...);
}

}  // namespace detail

template <class Scalar>
void dropout_forward(Cpu, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y) {
  const auto threshold = static_cast<std::uint32_t>(p * 0x1p32);
  const auto scale = static_cast<Scalar>(1 / (1 - p));
  if constexpr (std::is_same_v<Scalar, float>)
    if (const detail::Kernels* fast = detail::kernels(); fast && detail::all_contiguous(x, mask, y)) {
      const Rng::State from = rng.state();
      const auto draw = [&](Index first, Index last) {
        const detail::DropoutDraw numbers{from.seed, from.stream, from.drawn + static_cast<std::uint64_t>(first),
                                          threshold, scale};
        fast->elementwise.dropout(numbers, last - first, x.data + first, mask.data + first, y.data + first);
      };
      const Index size = x.rows * x.cols;
      detail::parallel_for(size, 64, size, draw);
      rng = Rng({from.seed, from.stream, from.drawn + static_cast<std::uint64_t>(size)});
      return;
    }
  for (Index j = 0; j < x.cols; ++j)
    for (Index i = 0; i < x.rows; ++i) mask(i, j) = rng() < threshold ? Scalar(0) : scale;
  array(y) = array(x) * array(mask);
}

template <class Scalar>
void dropout_backward(Cpu, ConstView<Scalar> mask, MatrixView<Scalar> d) {
  array(d) *= array(mask);
}

}  // namespace rondo::inline RONDO_ABI

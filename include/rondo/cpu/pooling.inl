// SPDX-License-Identifier: MIT
// Definitions of cpu/pooling.hpp, which includes this or comes before it.
#pragma once

#include <rondo/cpu/eigen.hpp>
#include <rondo/cpu/parallel.hpp>

#include <span>

namespace rondo::inline RONDO_ABI {

namespace detail {

/// Calls f(b, length) for each of the B sequences, in several threads.
template <class F>
void for_each_length(Index batch, Index columns, Index rows, std::span<const Index> lengths, F&& f) {
  parallel_for(batch, 1, rows * columns, [&](Index first, Index last) {
    for (Index b = first; b < last; ++b) f(b, lengths.empty() ? columns / batch : lengths[static_cast<std::size_t>(b)]);
  });
}

}  // namespace detail

template <class Scalar>
void last_step_forward(Cpu, ConstView<Scalar> y, std::span<const Index> lengths, Index reverse_rows,
                       MatrixView<Scalar> out) {
  const Index B = out.cols, forward_rows = y.rows - reverse_rows;
  detail::for_each_length(B, y.cols, 1, lengths, [&](Index b, Index length) {
    for (Index i = 0; i < y.rows; ++i)
      out(i, b) = length == 0 ? Scalar(0) : y(i, b + B * (i < forward_rows ? length - 1 : 0));
  });
}

template <class Scalar>
void last_step_backward(Cpu, ConstView<Scalar> d_out, std::span<const Index> lengths, Index reverse_rows,
                        MatrixView<Scalar> dy) {
  const Index B = d_out.cols, forward_rows = dy.rows - reverse_rows;
  matrix(dy).setZero();
  detail::for_each_length(B, dy.cols, 1, lengths, [&](Index b, Index length) {
    if (length == 0) return;
    for (Index i = 0; i < dy.rows; ++i) dy(i, b + B * (i < forward_rows ? length - 1 : 0)) = d_out(i, b);
  });
}

template <class Scalar>
void mean_over_time_forward(Cpu, ConstView<Scalar> y, std::span<const Index> lengths, MatrixView<Scalar> out) {
  const Index B = out.cols;
  detail::for_each_length(B, y.cols, y.rows, lengths, [&](Index b, Index length) {
    auto mean = array(out).col(b);
    mean.setZero();
    for (Index t = 0; t < length; ++t) mean += array(y).col(b + B * t);
    if (length > 0) mean /= static_cast<Scalar>(length);
  });
}

template <class Scalar>
void mean_over_time_backward(Cpu, ConstView<Scalar> d_out, std::span<const Index> lengths, MatrixView<Scalar> dy) {
  const Index B = d_out.cols;
  detail::for_each_length(B, dy.cols, dy.rows, lengths, [&](Index b, Index length) {
    for (Index t = 0; t < dy.cols / B; ++t) {
      auto gradient = array(dy).col(b + B * t);
      if (t < length)
        gradient = array(d_out).col(b) / static_cast<Scalar>(length);
      else
        gradient.setZero();
    }
  });
}

}  // namespace rondo::inline RONDO_ABI

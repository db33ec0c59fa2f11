// SPDX-License-Identifier: MIT
// Pooling over time. Forward, a thread takes one feature of one sequence; for the mean it adds the steps in order, as
// the CPU does, so that results are bit-identical. Backward, a thread takes one element of the gradient.
#include <rondo/cuda/operations.hpp>

#include "elements.cuh"
#include "lengths.cuh"

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

/// The step of a sequence of `length` that feeds row i: the last one, or the first one for rows of the reverse
/// direction.
struct LastStep {
  Index forward_rows;
  __device__ Index step(Index i, Index length) const { return i < forward_rows ? length - 1 : 0; }
};

template <class Scalar>
__global__ void last_step_kernel(MatrixView<const Scalar> y, Lengths lengths, LastStep last, MatrixView<Scalar> out) {
  for_each_element(out.rows, out.cols, [&](Index i, Index b) {
    const Index length = lengths.length(b);
    out(i, b) = length == 0 ? Scalar(0) : y(i, b + out.cols * last.step(i, length));
  });
}

template <class Scalar>
__global__ void last_step_backward_kernel(MatrixView<const Scalar> d_out, Lengths lengths, LastStep last,
                                          MatrixView<Scalar> dy) {
  for_each_element(dy.rows, dy.cols, [&](Index i, Index j) {
    const Index b = j % d_out.cols, length = lengths.length(b);
    dy(i, j) = length > 0 && j / d_out.cols == last.step(i, length) ? d_out(i, b) : Scalar(0);
  });
}

template <class Scalar>
__global__ void mean_kernel(MatrixView<const Scalar> y, Lengths lengths, MatrixView<Scalar> out) {
  for_each_element(out.rows, out.cols, [&](Index i, Index b) {
    const Index length = lengths.length(b);
    Scalar sum = 0;
    for (Index t = 0; t < length; ++t) sum += y(i, b + out.cols * t);
    out(i, b) = length > 0 ? sum / static_cast<Scalar>(length) : Scalar(0);
  });
}

template <class Scalar>
__global__ void mean_backward_kernel(MatrixView<const Scalar> d_out, Lengths lengths, MatrixView<Scalar> dy) {
  for_each_element(dy.rows, dy.cols, [&](Index i, Index j) {
    const Index b = j % d_out.cols;
    dy(i, j) = lengths.active(j) ? d_out(i, b) / static_cast<Scalar>(lengths.length(b)) : Scalar(0);
  });
}

/// Lengths for a batch of `batch` sequences and `columns` columns over all steps.
Lengths lengths_of(std::span<const Index> lengths, Index batch, Index columns) {
  return upload_lengths(lengths, batch, batch > 0 ? columns / batch : 0);
}

}  // namespace
}  // namespace cuda

template <class Scalar>
void last_step_forward(Cuda, ConstView<Scalar> y, std::span<const Index> lengths, Index reverse_rows,
                       MatrixView<Scalar> out) {
  cuda::launch("last_step_forward", cuda::last_step_kernel<Scalar>, cuda::per_element_config(out.rows * out.cols), y,
               cuda::lengths_of(lengths, out.cols, y.cols), cuda::LastStep{y.rows - reverse_rows}, out);
}

template <class Scalar>
void last_step_backward(Cuda, ConstView<Scalar> d_out, std::span<const Index> lengths, Index reverse_rows,
                        MatrixView<Scalar> dy) {
  cuda::launch("last_step_backward", cuda::last_step_backward_kernel<Scalar>,
               cuda::per_element_config(dy.rows * dy.cols), d_out, cuda::lengths_of(lengths, d_out.cols, dy.cols),
               cuda::LastStep{dy.rows - reverse_rows}, dy);
}

template <class Scalar>
void mean_over_time_forward(Cuda, ConstView<Scalar> y, std::span<const Index> lengths, MatrixView<Scalar> out) {
  cuda::launch("mean_over_time_forward", cuda::mean_kernel<Scalar>, cuda::per_element_config(out.rows * out.cols), y,
               cuda::lengths_of(lengths, out.cols, y.cols), out);
}

template <class Scalar>
void mean_over_time_backward(Cuda, ConstView<Scalar> d_out, std::span<const Index> lengths, MatrixView<Scalar> dy) {
  cuda::launch("mean_over_time_backward", cuda::mean_backward_kernel<Scalar>,
               cuda::per_element_config(dy.rows * dy.cols), d_out, cuda::lengths_of(lengths, d_out.cols, dy.cols), dy);
}

template void last_step_forward<float>(Cuda, ConstView<float>, std::span<const Index>, Index, MatrixView<float>);
template void last_step_forward<double>(Cuda, ConstView<double>, std::span<const Index>, Index, MatrixView<double>);
template void last_step_backward<float>(Cuda, ConstView<float>, std::span<const Index>, Index, MatrixView<float>);
template void last_step_backward<double>(Cuda, ConstView<double>, std::span<const Index>, Index, MatrixView<double>);
template void mean_over_time_forward<float>(Cuda, ConstView<float>, std::span<const Index>, MatrixView<float>);
template void mean_over_time_forward<double>(Cuda, ConstView<double>, std::span<const Index>, MatrixView<double>);
template void mean_over_time_backward<float>(Cuda, ConstView<float>, std::span<const Index>, MatrixView<float>);
template void mean_over_time_backward<double>(Cuda, ConstView<double>, std::span<const Index>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

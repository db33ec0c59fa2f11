// SPDX-License-Identifier: MIT
// Regression losses: value and gradient in one pass, one thread per element. The elements are divided into parts, one
// block each; a block sums its part in double, and one more block adds the parts in an order that depends on their
// number alone.
#include <rondo/core/regression_loss.hpp>
#include <rondo/cuda/operations.hpp>

#include "elements.cuh"
#include "lengths.cuh"
#include "reduce.cuh"

#include <algorithm>

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

constexpr Index kPartElements = 4096, kMostLossParts = 1024;

/// partial[p] = the loss of part p. d.data null: no gradient.
template <class Scalar, class Error>
__global__ void regression_kernel(Error error, MatrixView<const Scalar> y, MatrixView<const Scalar> targets,
                                  Lengths lengths, const Scalar* weights, Scalar scale, MatrixView<Scalar> d,
                                  double* partial) {
  const Index count = y.rows * y.cols, p = blockIdx.x, parts = gridDim.x;
  double sum = 0;
  for (Index n = count * p / parts + threadIdx.x; n < count * (p + 1) / parts; n += kThreads) {
    const Index j = n / y.rows, i = n - j * y.rows;
    const Scalar weight = weights == nullptr ? Scalar(1) : weights[j];
    if (weight == 0 || !lengths.active(j)) {
      if (d.data != nullptr) d(i, j) = 0;
      continue;
    }
    const Scalar e = y(i, j) - targets(i, j);
    sum += static_cast<double>(weight) * static_cast<double>(error.loss(e));
    if (d.data != nullptr) d(i, j) = scale * weight * error.derivative(e);
  }
  sum = Block::reduce(sum, Add{});
  if (threadIdx.x == 0) partial[p] = sum;
}

}  // namespace
}  // namespace cuda

template <class Scalar, template <class> class Error>
double regression_loss_sum(Cuda, const Error<Scalar>& error, ConstView<Scalar> y, ConstView<Scalar> targets,
                           const StepMask<Scalar>& mask, Scalar scale, MatrixView<Scalar> d) {
  const Index parts = std::clamp<Index>(y.rows * y.cols / cuda::kPartElements, 1, cuda::kMostLossParts);
  double* partial = cuda::scratch<double>(cuda::Scratch::partial_sums, parts);
  const Scalar* weights =
      mask.weights.empty() ? nullptr : cuda::upload_scratch(cuda::Scratch::tokens, mask.weights.data(), y.cols);
  const Index time = mask.batch > 0 ? y.cols / mask.batch : 0;
  cuda::launch("regression_loss", cuda::regression_kernel<Scalar, Error<Scalar>>,
               cuda::LaunchConfig{static_cast<unsigned>(parts), cuda::kThreads}, error, y, targets,
               cuda::upload_lengths(mask.lengths, mask.batch, time), weights, scale, d, partial);
  return cuda::fetch_sum(partial, parts);
}

template double regression_loss_sum<float, SquaredError>(Cuda, const SquaredError<float>&, ConstView<float>,
                                                         ConstView<float>, const StepMask<float>&, float,
                                                         MatrixView<float>);
template double regression_loss_sum<double, SquaredError>(Cuda, const SquaredError<double>&, ConstView<double>,
                                                          ConstView<double>, const StepMask<double>&, double,
                                                          MatrixView<double>);
template double regression_loss_sum<float, HuberError>(Cuda, const HuberError<float>&, ConstView<float>,
                                                       ConstView<float>, const StepMask<float>&, float,
                                                       MatrixView<float>);
template double regression_loss_sum<double, HuberError>(Cuda, const HuberError<double>&, ConstView<double>,
                                                        ConstView<double>, const StepMask<double>&, double,
                                                        MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

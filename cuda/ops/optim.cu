// SPDX-License-Identifier: MIT
// Update of one parameter by the optimiser, each kernel in one pass over memory.
#include <rondo/cuda/operations.hpp>

#include "elements.cuh"
#include "reduce.cuh"

#include <algorithm>
#include <cmath>

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

/// The coefficients of an AdamStep, rounded once from double: in float 1 - beta2 has a relative error of 1.3e-5, and so
/// would every step.
template <class Scalar>
struct AdamConstants {
  Scalar one_minus_beta1, one_minus_beta2, step_size, epsilon, inv_bias_correction2_sqrt, weight_decay_factor;
  bool operator==(const AdamConstants&) const = default;
};

__device__ inline bool is_finite(double x) { return x - x == 0; }

/// m += (1-beta1) (g - m);  v += (1-beta2) (g^2 - v);
/// w = weight_decay_factor w - step_size m / (sqrt(v) / bias_correction2_sqrt + epsilon).
/// Fused multiply-adds are explicit, so that rounding does not depend on the compiler: bit-identical to the CPU's
/// kernel.
/// Where `norm` is not null, nothing if it is not finite.
template <class Scalar>
__global__ void adam_kernel(StepValue<AdamConstants<Scalar>> constants, const double* norm, MatrixView<Scalar> w,
                            MatrixView<const Scalar> g, MatrixView<Scalar> m, MatrixView<Scalar> v) {
  using std::fma, std::sqrt;
  if (norm && !is_finite(*norm)) return;
  const AdamConstants<Scalar> s = *constants;
  for_each_element(w.rows, w.cols, [&](Index i, Index j) {
    const Scalar gradient = g(i, j);
    const Scalar first = fma(s.one_minus_beta1, gradient - m(i, j), m(i, j));
    const Scalar second = fma(s.one_minus_beta2, fma(gradient, gradient, -v(i, j)), v(i, j));
    const Scalar move = s.step_size * first / fma(sqrt(second), s.inv_bias_correction2_sqrt, s.epsilon);
    m(i, j) = first;
    v(i, j) = second;
    w(i, j) = fma(s.weight_decay_factor, w(i, j), -move);
  });
}

constexpr Index kPartNumbers = 4096, kMaxParts = 1024;

/// partial[p] = the sum of squares of part p of a's elements. One block per part.
template <class Scalar>
__global__ void squared_norm_kernel(MatrixView<const Scalar> a, double* partial) {
  const Index count = a.rows * a.cols, p = blockIdx.x, parts = gridDim.x;
  double sum = 0;
  for (Index n = count * p / parts + threadIdx.x; n < count * (p + 1) / parts; n += kThreads) {
    const Index j = a.cols == 1 ? 0 : n / a.rows;
    const double value = a(n - j * a.rows, j);
    sum = fma(value, value, sum);
  }
  sum = Block::reduce(sum, Add{});
  if (threadIdx.x == 0) partial[p] = sum;
}

template <class Scalar>
__global__ void scale_kernel(MatrixView<Scalar> a, Scalar factor) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { a(i, j) *= factor; });
}

template <class Scalar>
__global__ void scale_by_kernel(MatrixView<Scalar> a, const double* factor) {
  if (*factor == 1) return;
  const auto rounded = static_cast<Scalar>(*factor);
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { a(i, j) *= rounded; });
}

/// *sum += the sum of values, by one block.
__global__ void add_sum_kernel(const double* values, Index count, double* sum) {
  double part = 0;
  for (Index n = threadIdx.x; n < count; n += kThreads) part += values[n];
  part = Block::reduce(part, Add{});
  if (threadIdx.x == 0) *sum += part;
}

/// One thread.
__global__ void clip_factor_kernel(double max_norm, double* values) {
  if (threadIdx.x > 0 || blockIdx.x > 0) return;
  const double norm = std::sqrt(values[0]);
  values[0] = norm;
  values[1] = is_finite(norm) && norm > max_norm ? max_norm / norm : 1;
}

/// Partial sums of the squares of a, `parts` of them in scratch memory.
template <class Scalar>
const double* partial_squares(MatrixView<Scalar> a, Index parts) {
  double* const partial = scratch<double>(Scratch::partial_sums, parts);
  flatten_contiguous(a);
  launch("squared_norm", squared_norm_kernel<Scalar>, LaunchConfig{static_cast<unsigned>(parts), kThreads}, a, partial);
  return partial;
}

/// Depends on the shape alone, and so does the order of the sum.
Index parts_of(Index count) { return std::clamp<Index>(count / kPartNumbers, 1, kMaxParts); }

template <class Scalar>
void adam_update(const double* norm, const AdamStep& s, MatrixView<Scalar> w, MatrixView<const Scalar> g,
                 MatrixView<Scalar> m, MatrixView<Scalar> v) {
  const AdamConstants<Scalar> numbers{.one_minus_beta1 = Scalar(1 - s.beta1),
                                      .one_minus_beta2 = Scalar(1 - s.beta2),
                                      .step_size = Scalar(s.step_size),
                                      .epsilon = Scalar(s.epsilon),
                                      .inv_bias_correction2_sqrt = Scalar(1 / s.bias_correction2_sqrt),
                                      .weight_decay_factor = Scalar(s.weight_decay_factor)};
  flatten_contiguous(w, g, m, v);
  launch("adam_update", adam_kernel<Scalar>, per_element_config(w.rows * w.cols), step_value(numbers), norm, w, g, m,
         v);
}

}  // namespace
}  // namespace cuda

template <class Scalar>
void adam_update(Cuda, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g, MatrixView<Scalar> m,
                 MatrixView<Scalar> v) {
  cuda::adam_update<Scalar>(nullptr, s, w, g, m, v);
}

template <class Scalar>
void adam_update_if_finite(Cuda, const double* norm, const AdamStep& s, MatrixView<Scalar> w, ConstView<Scalar> g,
                           MatrixView<Scalar> m, MatrixView<Scalar> v) {
  cuda::adam_update<Scalar>(norm, s, w, g, m, v);
}

template <class Scalar>
double squared_norm(Cuda, MatrixView<Scalar> a) {
  const Index parts = cuda::parts_of(a.rows * a.cols);
  return cuda::fetch_sum(cuda::partial_squares(a, parts), parts);
}

template <class Scalar>
void add_squared_norm(Cuda, MatrixView<Scalar> a, double* sum) {
  const Index parts = cuda::parts_of(a.rows * a.cols);
  cuda::launch("add_squared_norm", cuda::add_sum_kernel, cuda::LaunchConfig{}, cuda::partial_squares(a, parts), parts,
               sum);
}

void norm_and_clip_factor(Cuda, double max_norm, double* values) {
  cuda::launch("clip factor", cuda::clip_factor_kernel, cuda::LaunchConfig{1, cuda::kWarp}, max_norm, values);
}

template <class Scalar>
void scale_by(Cuda, MatrixView<Scalar> a, const double* factor) {
  cuda::flatten_contiguous(a);
  cuda::launch("scale_by", cuda::scale_by_kernel<Scalar>, cuda::per_element_config(a.rows * a.cols), a, factor);
}

template <class Scalar>
void scale(Cuda, MatrixView<Scalar> a, std::type_identity_t<Scalar> factor) {
  cuda::flatten_contiguous(a);
  cuda::launch("scale", cuda::scale_kernel<Scalar>, cuda::per_element_config(a.rows * a.cols), a, factor);
}

template void adam_update<float>(Cuda, const AdamStep&, MatrixView<float>, ConstView<float>, MatrixView<float>,
                                 MatrixView<float>);
template void adam_update<double>(Cuda, const AdamStep&, MatrixView<double>, ConstView<double>, MatrixView<double>,
                                  MatrixView<double>);
template double squared_norm<float>(Cuda, MatrixView<float>);
template double squared_norm<double>(Cuda, MatrixView<double>);
template void scale<float>(Cuda, MatrixView<float>, float);
template void scale<double>(Cuda, MatrixView<double>, double);
template void adam_update_if_finite<float>(Cuda, const double*, const AdamStep&, MatrixView<float>, ConstView<float>,
                                           MatrixView<float>, MatrixView<float>);
template void adam_update_if_finite<double>(Cuda, const double*, const AdamStep&, MatrixView<double>, ConstView<double>,
                                            MatrixView<double>, MatrixView<double>);
template void add_squared_norm<float>(Cuda, MatrixView<float>, double*);
template void add_squared_norm<double>(Cuda, MatrixView<double>, double*);
template void scale_by<float>(Cuda, MatrixView<float>, const double*);
template void scale_by<double>(Cuda, MatrixView<double>, const double*);

}  // namespace rondo::inline RONDO_ABI

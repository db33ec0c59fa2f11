// SPDX-License-Identifier: MIT
// The losses: value and gradient in one kernel. It reads a column from memory once, and from L1 after that. A warp
// takes a column, or a whole block if columns are long. Each column has its loss stored as a double; one block adds
// them in an order that depends on their number alone.
#include <rondo/core/loss.hpp>
#include <rondo/cuda/operations.hpp>

#include "lengths.cuh"
#include "reduce.cuh"

#include <cmath>
#include <limits>

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

/// Longer columns get a block each.
constexpr Index kWarpColumn = 1024;

template <class Scalar>
Lengths lengths_of(const Sequence<Scalar, Cuda>& z) {
  return upload_lengths(z.lengths(), z.batch(), z.time());
}

/// A column that is masked or has an ignored target.
template <class ThreadGroup, class Scalar>
__device__ void mask_column(Scalar* d, Index rows, double* loss) {
  if (d != nullptr)
    for (Index v = ThreadGroup::rank(); v < rows; v += ThreadGroup::size()) d[v] = 0;
  if (ThreadGroup::rank() == 0) *loss = 0;
}

/// loss = -log softmax(z)[target];  d = scale * (softmax(z) - one_hot(target)).
template <class ThreadGroup, class Scalar>
__device__ void softmax_column(const Scalar* z, Index V, Index target, Scalar scale, Scalar* d, double* loss) {
  using std::exp;
  Scalar highest = -std::numeric_limits<Scalar>::infinity();
  for (Index v = ThreadGroup::rank(); v < V; v += ThreadGroup::size()) highest = z[v] > highest ? z[v] : highest;
  highest = ThreadGroup::reduce(highest, [](Scalar a, Scalar b) { return a > b ? a : b; });
  Scalar total = 0;
  for (Index v = ThreadGroup::rank(); v < V; v += ThreadGroup::size()) total += exp(z[v] - highest);
  total = ThreadGroup::reduce(total, Add{});
  if (d != nullptr)
    for (Index v = ThreadGroup::rank(); v < V; v += ThreadGroup::size()) {
      const Scalar p = exp(z[v] - highest) * (scale / total);
      d[v] = v == target ? p - scale : p;
    }
  if (ThreadGroup::rank() == 0)
    *loss = std::log(static_cast<double>(total)) + (static_cast<double>(highest) - static_cast<double>(z[target]));
}

template <class ThreadGroup, class Scalar>
__global__ void softmax_kernel(MatrixView<const Scalar> z, const std::int32_t* targets, Lengths lengths,
                               StepValue<Scalar> scale, Scalar* d, double* losses) {
  for (Index j = ThreadGroup::index(); j < z.cols; j += ThreadGroup::count()) {
    Scalar* gradient = d != nullptr ? d + j * z.rows : nullptr;
    if (targets[j] == kIgnoreIndex || !lengths.active(j))
      mask_column<ThreadGroup>(gradient, z.rows, &losses[j]);
    else
      softmax_column<ThreadGroup>(&z(0, j), z.rows, targets[j], *scale, gradient, &losses[j]);
  }
}

/// loss = the sum of max(z, 0) - y z + log(1 + e), e = exp(-|z|), numerically stable;  d = scale (sigmoid(z) - y).
template <class ThreadGroup, class Scalar>
__device__ void bernoulli_column(const Scalar* z, const Scalar* y, Index K, Scalar scale, Scalar* d, double* loss) {
  using std::abs, std::exp, std::log1p;
  Scalar sum = 0;
  for (Index k = ThreadGroup::rank(); k < K; k += ThreadGroup::size()) {
    const Scalar e = exp(-abs(z[k]));
    sum += (z[k] > 0 ? z[k] : Scalar(0)) - y[k] * z[k] + log1p(e);
    if (d != nullptr) d[k] = scale * ((z[k] > 0 ? 1 : e) / (1 + e) - y[k]);
  }
  sum = ThreadGroup::reduce(sum, Add{});
  if (ThreadGroup::rank() == 0) *loss = sum;
}

template <class ThreadGroup, class Scalar>
__global__ void bernoulli_kernel(MatrixView<const Scalar> z, const Scalar* targets, Lengths lengths,
                                 StepValue<Scalar> scale, Scalar* d, double* losses) {
  for (Index j = ThreadGroup::index(); j < z.cols; j += ThreadGroup::count()) {
    Scalar* gradient = d != nullptr ? d + j * z.rows : nullptr;
    if (!lengths.active(j))
      mask_column<ThreadGroup>(gradient, z.rows, &losses[j]);
    else
      bernoulli_column<ThreadGroup>(&z(0, j), targets + j * z.rows, z.rows, *scale, gradient, &losses[j]);
  }
}

}  // namespace
}  // namespace cuda

template <class Scalar>
void softmax_cross_entropy_sum_to(Cuda, const Sequence<Scalar, Cuda>& logits, std::span<const std::int32_t> targets,
                                  Scalar scale, Sequence<Scalar, Cuda>* d_logits, double* sum) {
  const MatrixView<const Scalar> z = logits.flat();
  const auto* ids = cuda::upload_scratch(cuda::Scratch::tokens, targets.data(), z.cols);
  double* losses = cuda::scratch<double>(cuda::Scratch::partial_sums, z.cols);
  const auto run = [&]<class ThreadGroup>(ThreadGroup) {
    cuda::launch("softmax_cross_entropy", cuda::softmax_kernel<ThreadGroup, Scalar>, ThreadGroup::shape(z.cols), z, ids,
                 cuda::lengths_of(logits), cuda::step_value(scale), d_logits ? d_logits->data() : nullptr, losses);
  };
  z.rows <= cuda::kWarpColumn ? run(cuda::Warp{}) : run(cuda::Block{});
  cuda::sum_to(losses, z.cols, sum);
}

template <class Scalar>
double softmax_cross_entropy_sum(Cuda device, const Sequence<Scalar, Cuda>& logits,
                                 std::span<const std::int32_t> targets, Scalar scale,
                                 Sequence<Scalar, Cuda>* d_logits) {
  return cuda::fetch_result<double>(
      [&](double* sum) { softmax_cross_entropy_sum_to(device, logits, targets, scale, d_logits, sum); });
}

template <class Scalar>
void bernoulli_cross_entropy_sum_to(Cuda, const Sequence<Scalar, Cuda>& logits, const Sequence<Scalar, Cuda>& targets,
                                    Scalar scale, Sequence<Scalar, Cuda>* d_logits, double* sum) {
  const MatrixView<const Scalar> z = logits.flat();
  double* losses = cuda::scratch<double>(cuda::Scratch::partial_sums, z.cols);
  const auto run = [&]<class ThreadGroup>(ThreadGroup) {
    cuda::launch("bernoulli_cross_entropy", cuda::bernoulli_kernel<ThreadGroup, Scalar>, ThreadGroup::shape(z.cols), z,
                 targets.data(), cuda::lengths_of(logits), cuda::step_value(scale),
                 d_logits ? d_logits->data() : nullptr, losses);
  };
  z.rows <= cuda::kWarpColumn ? run(cuda::Warp{}) : run(cuda::Block{});
  cuda::sum_to(losses, z.cols, sum);
}

template <class Scalar>
double bernoulli_cross_entropy_sum(Cuda device, const Sequence<Scalar, Cuda>& logits,
                                   const Sequence<Scalar, Cuda>& targets, Scalar scale,
                                   Sequence<Scalar, Cuda>* d_logits) {
  return cuda::fetch_result<double>(
      [&](double* sum) { bernoulli_cross_entropy_sum_to(device, logits, targets, scale, d_logits, sum); });
}

template double softmax_cross_entropy_sum<float>(Cuda, const Sequence<float, Cuda>&, std::span<const std::int32_t>,
                                                 float, Sequence<float, Cuda>*);
template double softmax_cross_entropy_sum<double>(Cuda, const Sequence<double, Cuda>&, std::span<const std::int32_t>,
                                                  double, Sequence<double, Cuda>*);
template double bernoulli_cross_entropy_sum<float>(Cuda, const Sequence<float, Cuda>&, const Sequence<float, Cuda>&,
                                                   float, Sequence<float, Cuda>*);
template double bernoulli_cross_entropy_sum<double>(Cuda, const Sequence<double, Cuda>&, const Sequence<double, Cuda>&,
                                                    double, Sequence<double, Cuda>*);
template void softmax_cross_entropy_sum_to<float>(Cuda, const Sequence<float, Cuda>&, std::span<const std::int32_t>,
                                                  float, Sequence<float, Cuda>*, double*);
template void softmax_cross_entropy_sum_to<double>(Cuda, const Sequence<double, Cuda>&, std::span<const std::int32_t>,
                                                   double, Sequence<double, Cuda>*, double*);
template void bernoulli_cross_entropy_sum_to<float>(Cuda, const Sequence<float, Cuda>&, const Sequence<float, Cuda>&,
                                                    float, Sequence<float, Cuda>*, double*);
template void bernoulli_cross_entropy_sum_to<double>(Cuda, const Sequence<double, Cuda>&, const Sequence<double, Cuda>&,
                                                     double, Sequence<double, Cuda>*, double*);

}  // namespace rondo::inline RONDO_ABI

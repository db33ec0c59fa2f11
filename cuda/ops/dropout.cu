// SPDX-License-Identifier: MIT
// Dropout with the same random numbers as the CPU: element n, in column-major order, uses number n of the generator.
//
// The generator computes numbers in blocks of four. Each thread of a warp computes one block; shuffles then distribute
// the warp's 128 numbers to the threads that process the elements: in round r thread l takes element 32 r + l, so that
// memory accesses are coalesced and no number is computed twice.
#include <rondo/core/random.hpp>
#include <rondo/cuda/operations.hpp>

#include "elements.cuh"
#include "reduce.cuh"

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

constexpr Index kBlock = 4;                     // numbers per block of the generator
constexpr Index kWarpNumbers = kBlock * kWarp;  // per warp

__device__ std::array<std::uint32_t, 4> draw_block(const Rng::State& from, std::uint64_t block) {
  const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
  const auto high = [](std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); };
  return philox({low(block), high(block), low(from.stream), high(from.stream)}, {low(from.seed), high(from.seed)});
}

/// An element is dropped if its number is below `threshold`. The first `skip` numbers of the first block are already
/// used.
template <class Scalar>
__global__ void dropout_kernel(StepValue<Rng::State> start, std::uint32_t threshold, Scalar scale,
                               MatrixView<const Scalar> x, MatrixView<Scalar> mask, MatrixView<Scalar> y) {
  const Rng::State from = *start;
  const Index count = x.rows * x.cols, skip = static_cast<Index>(from.drawn % kBlock), lane = Warp::rank();
  for (Index w = Warp::index(); w * kWarpNumbers < skip + count; w += Warp::count()) {
    const auto words = draw_block(from, from.drawn / kBlock + static_cast<std::uint64_t>(w * kWarp + lane));
    for (Index round = 0; round < kBlock; ++round) {
      const int maker = static_cast<int>((kWarp * round + lane) / kBlock);
      std::uint32_t number = 0;
      for (unsigned word = 0; word < kBlock; ++word) {
        const std::uint32_t theirs = __shfl_sync(0xFFFFFFFF, words[word], maker);
        if (word == lane % kBlock) number = theirs;
      }
      const Index n = w * kWarpNumbers + kWarp * round + lane - skip;
      if (n < 0 || n >= count) continue;
      const Index j = x.cols == 1 ? 0 : n / x.rows, i = n - j * x.rows;
      const Scalar m = number < threshold ? Scalar(0) : scale;
      mask(i, j) = m;
      y(i, j) = x(i, j) * m;
    }
  }
}

template <class Scalar>
__global__ void dropout_backward_kernel(MatrixView<const Scalar> mask, MatrixView<Scalar> d) {
  for_each_element(d.rows, d.cols, [&](Index i, Index j) { d(i, j) *= mask(i, j); });
}

}  // namespace
}  // namespace cuda

template <class Scalar>
void dropout_forward(Cuda, double p, Rng& rng, MatrixView<const Scalar> x, MatrixView<Scalar> mask,
                     MatrixView<Scalar> y) {
  const Rng::State from = rng.state();
  const Index count = x.rows * x.cols, warps = count / cuda::kWarpNumbers + 2;  // first and last may be partly used
  cuda::flatten_contiguous(x, mask, y);
  cuda::launch("dropout_forward", cuda::dropout_kernel<Scalar>, cuda::Warp::shape(warps), cuda::step_value(from),
               static_cast<std::uint32_t>(p * 0x1p32), static_cast<Scalar>(1 / (1 - p)), x, mask, y);
  rng = Rng({from.seed, from.stream, from.drawn + static_cast<std::uint64_t>(count)});
}

template <class Scalar>
void dropout_backward(Cuda, ConstView<Scalar> mask, MatrixView<Scalar> d) {
  cuda::flatten_contiguous(mask, d);
  cuda::launch("dropout_backward", cuda::dropout_backward_kernel<Scalar>, cuda::per_element_config(d.rows * d.cols),
               mask, d);
}

template void dropout_forward<float>(Cuda, double, Rng&, MatrixView<const float>, MatrixView<float>, MatrixView<float>);
template void dropout_forward<double>(Cuda, double, Rng&, MatrixView<const double>, MatrixView<double>,
                                      MatrixView<double>);
template void dropout_backward<float>(Cuda, ConstView<float>, MatrixView<float>);
template void dropout_backward<double>(Cuda, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

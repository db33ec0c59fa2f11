// SPDX-License-Identifier: MIT
// Filling a matrix, adding to some elements, adding a bias to every column, and the sum of all columns, which is the
// gradient of a bias.
//
// The sum has few rows and very many columns (4H and B * T). Thread (row, phase) of a block of 32 rows x 8 phases adds
// every eighth column of a part; the phases are reduced in shared memory, and a second kernel adds the parts in order.
// The number of parts depends on the number of columns alone, so the result is deterministic.
#include <rondo/cuda/operations.hpp>

#include "../low_precision.cuh"
#include "columns.hpp"
#include "elements.cuh"

#include <algorithm>

namespace rondo::inline RONDO_ABI {

namespace cuda {
namespace {

template <class Scalar>
__global__ void fill_kernel(MatrixView<Scalar> a, Scalar value) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { a(i, j) = value; });
}

template <class Scalar>
__global__ void clear_columns_kernel(const std::uint8_t* which, Index batch, MatrixView<Scalar> a) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) {
    if (which[j % batch] != 0) a(i, j) = 0;
  });
}

template <class Scalar>
__global__ void add_where_kernel(const std::uint8_t* which, Scalar value, MatrixView<Scalar> a) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) {
    if (which[i + j * a.rows] != 0) a(i, j) += value;
  });
}

template <class Scalar>
__global__ void set_columns_kernel(MatrixView<Scalar> a, const Scalar* bias) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { a(i, j) = bias[i]; });
}

template <class Scalar>
__global__ void add_kernel(MatrixView<const Scalar> from, MatrixView<Scalar> to) {
  for_each_element(to.rows, to.cols, [&](Index i, Index j) { to(i, j) += from(i, j); });
}

constexpr Index kRows = 32, kPhases = kThreads / kRows;
constexpr Index kPartColumns = 64;  // at least, unless there is only one part
constexpr Index kMaxParts = 128;

/// Column p of partial = the sum of the columns of part p of a. One block per part and 32 rows.
template <class Scalar, class Element>
__global__ void add_part_kernel(MatrixView<const Element> a, MatrixView<Scalar> partial) {
  __shared__ Scalar of_phase[kPhases][kRows];
  const Index row = threadIdx.x % kRows, phase = threadIdx.x / kRows, parts = partial.cols;
  const Index i = blockIdx.x / parts * kRows + row, p = blockIdx.x % parts;
  Scalar sum = 0;
  if (i < a.rows)
    for (Index j = a.cols * p / parts + phase; j < a.cols * (p + 1) / parts; j += kPhases) sum += Scalar(a(i, j));
  of_phase[phase][row] = sum;
  __syncthreads();
  if (phase > 0 || i >= a.rows) return;
  for (Index f = 1; f < kPhases; ++f) sum += of_phase[f][row];
  partial(i, p) = sum;
}

template <class Scalar>
__global__ void add_partial_kernel(MatrixView<const Scalar> partial, Scalar* sum) {
  for_each_element(partial.rows, 1, [&](Index i, Index) {
    Scalar total = partial(i, 0);
    for (Index p = 1; p < partial.cols; ++p) total += partial(i, p);
    sum[i] += total;
  });
}

template <class Scalar, class Element>
void add_columns(MatrixView<const Element> a, MatrixView<Scalar> sum) {
  if (a.rows == 0) return;
  const Index parts = std::clamp<Index>(a.cols / kPartColumns, 1, kMaxParts);
  const MatrixView<Scalar> partial{scratch<Scalar>(Scratch::partial_sums, a.rows * parts), a.rows, parts, a.rows};
  const Index blocks = (a.rows + kRows - 1) / kRows * parts;
  launch("add_columns", add_part_kernel<Scalar, Element>, LaunchConfig{static_cast<unsigned>(blocks), kThreads}, a,
         partial);
  launch("add_columns", add_partial_kernel<Scalar>, per_element_config(a.rows), partial, sum.data);
}

}  // namespace

void add_columns_of_bf16(MatrixView<const std::uint16_t> a, MatrixView<float> sum) {
  add_columns(MatrixView<const Bf16Value>{reinterpret_cast<const Bf16Value*>(a.data), a.rows, a.cols, a.stride}, sum);
}

}  // namespace cuda

template <class Scalar>
void fill(Cuda, MatrixView<Scalar> a, std::type_identity_t<Scalar> value) {
  cuda::flatten_contiguous(a);
  cuda::launch("fill", cuda::fill_kernel<Scalar>, cuda::per_element_config(a.rows * a.cols), a, value);
}

template <class Scalar>
void clear_columns(Cuda, std::span<const std::uint8_t> which, MatrixView<Scalar> a) {
  const auto batch = static_cast<Index>(which.size());
  if (batch == 0 || a.rows == 0) return;
  const auto* on_device = cuda::upload_scratch(cuda::Scratch::tokens, which.data(), batch);
  cuda::launch("clear_columns", cuda::clear_columns_kernel<Scalar>, cuda::per_element_config(a.rows * a.cols),
               on_device, batch, a);
}

template <class Scalar>
void add_where(Cuda, std::span<const std::uint8_t> which, std::type_identity_t<Scalar> value, MatrixView<Scalar> a) {
  const Index size = a.rows * a.cols;
  if (size == 0) return;
  const auto* on_device = cuda::upload_scratch(cuda::Scratch::tokens, which.data(), size);
  cuda::launch("add_where", cuda::add_where_kernel<Scalar>, cuda::per_element_config(size), on_device, value, a);
}

template <class Scalar>
void set_columns(Cuda, MatrixView<Scalar> a, ConstView<Scalar> bias) {
  cuda::launch("set_columns", cuda::set_columns_kernel<Scalar>, cuda::per_element_config(a.rows * a.cols), a,
               bias.data);
}

template <class Scalar>
void add(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  cuda::flatten_contiguous(from, to);
  cuda::launch("add", cuda::add_kernel<Scalar>, cuda::per_element_config(to.rows * to.cols), from, to);
}

template <class Scalar>
void add_columns(Cuda, ConstView<Scalar> a, MatrixView<Scalar> sum) {
  cuda::add_columns<Scalar, Scalar>(a, sum);
}

template void fill<float>(Cuda, MatrixView<float>, float);
template void fill<double>(Cuda, MatrixView<double>, double);
template void fill<std::uint16_t>(Cuda, MatrixView<std::uint16_t>, std::uint16_t);
template void clear_columns<float>(Cuda, std::span<const std::uint8_t>, MatrixView<float>);
template void clear_columns<double>(Cuda, std::span<const std::uint8_t>, MatrixView<double>);
template void add_where<float>(Cuda, std::span<const std::uint8_t>, float, MatrixView<float>);
template void add_where<double>(Cuda, std::span<const std::uint8_t>, double, MatrixView<double>);
template void set_columns<float>(Cuda, MatrixView<float>, ConstView<float>);
template void set_columns<double>(Cuda, MatrixView<double>, ConstView<double>);
template void add<float>(Cuda, ConstView<float>, MatrixView<float>);
template void add<double>(Cuda, ConstView<double>, MatrixView<double>);
template void add_columns<float>(Cuda, ConstView<float>, MatrixView<float>);
template void add_columns<double>(Cuda, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

// SPDX-License-Identifier: MIT
#include "words.hpp"

#include "../launch.cuh"
#include "cells.cuh"

#include <rondo/cuda/lstm.hpp>

namespace rondo::inline v0 {

namespace cuda {

namespace {

__device__ Index first_element() { return Index{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ Index grid_stride() { return Index{gridDim.x} * blockDim.x; }

__global__ void round_kernel(MatrixView<const float> a, WordsOut words) {
  for (Index i = first_element(); i < a.rows * a.cols; i += grid_stride())
    put_word(words, i, a(i % a.rows, i / a.rows));
}

template <class Scalar>
__global__ void copy_active_kernel(MatrixView<const Scalar> from, Index B, const std::int32_t* lengths,
                                   MatrixView<Scalar> to) {
  for (Index i = first_element(); i < to.rows * to.cols; i += grid_stride()) {
    const Index row = i % to.rows, column = i / to.rows;
    to(row, column) = column / B < lengths[column % B] ? from(row, column) : Scalar(0);
  }
}

template <class Scalar>
__global__ void final_state_kernel(Index T, const std::int32_t* lengths, const Scalar* y, const Scalar* cells,
                                   const Scalar* h0, const Scalar* c0, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  const Index H = h.rows, B = h.cols;
  for (Index i = first_element(); i < H * B; i += grid_stride()) {
    const Index u = i % H, b = i / H, end = lengths ? lengths[b] : T;
    h(u, b) = end > 0 ? y[i + H * B * (end - 1)] : h0[i];
    c(u, b) = end > 0 ? cells[i + H * B * (end - 1)] : c0[i];
  }
}

template <class Scalar>
__global__ void step_cells_kernel(MatrixView<Scalar> z, MatrixView<Scalar> c, MatrixView<Scalar> h) {
  const Index H = h.rows;
  for (Index i = first_element(); i < H * h.cols; i += grid_stride()) {
    const Index u = i % H, b = i / H;
    Scalar cell, tanh_c, hidden;
    device_equations::lstm_cell(z(u, b), z(H + u, b), z(2 * H + u, b), z(3 * H + u, b), c(u, b), cell, tanh_c, hidden);
    c(u, b) = cell;
    h(u, b) = hidden;
  }
}

}  // namespace

void round_to_words(MatrixView<const float> a, bool fp16, std::uint16_t* words) {
  launch("round to words", round_kernel, over(a.rows * a.cols), a, WordsOut{words, fp16});
}

template <class Scalar>
void copy_active(MatrixView<const Scalar> from, Index B, const std::int32_t* lengths, MatrixView<Scalar> to) {
  launch("copy active", copy_active_kernel<Scalar>, over(to.rows * to.cols), from, B, lengths, to);
}

template <class Scalar>
void gather_final_state(Index H, Index B, Index T, const std::int32_t* lengths, const Scalar* y, const Scalar* cells,
                        const Scalar* h0, const Scalar* c0, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  launch("final state", final_state_kernel<Scalar>, over(H * B), T, lengths, y, cells, h0, c0, h, c);
}

template void copy_active<float>(MatrixView<const float>, Index, const std::int32_t*, MatrixView<float>);
template void copy_active<double>(MatrixView<const double>, Index, const std::int32_t*, MatrixView<double>);
template void gather_final_state<float>(Index, Index, Index, const std::int32_t*, const float*, const float*,
                                        const float*, const float*, MatrixView<float>, MatrixView<float>);
template void gather_final_state<double>(Index, Index, Index, const std::int32_t*, const double*, const double*,
                                         const double*, const double*, MatrixView<double>, MatrixView<double>);

}  // namespace cuda

template <class Scalar>
void lstm_step_cells(Cuda, MatrixView<Scalar> z, MatrixView<Scalar> c, MatrixView<Scalar> h) {
  cuda::launch("lstm step cells", cuda::step_cells_kernel<Scalar>, cuda::over(h.rows * h.cols), z, c, h);
}
template void lstm_step_cells<float>(Cuda, MatrixView<float>, MatrixView<float>, MatrixView<float>);
template void lstm_step_cells<double>(Cuda, MatrixView<double>, MatrixView<double>, MatrixView<double>);

}  // namespace rondo::inline v0

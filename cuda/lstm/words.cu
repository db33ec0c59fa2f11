// SPDX-License-Identifier: MIT
#include "words.hpp"

#include "../ops/elements.cuh"
#include "cells.cuh"

#include <rondo/cuda/lstm.hpp>

namespace rondo::inline v0 {

namespace cuda {

namespace {

__global__ void round_kernel(MatrixView<const float> a, WordsOut words) {
  for_each_element(a.rows, a.cols, [&](Index i, Index j) { put_word(words, i + a.rows * j, a(i, j)); });
}

template <class Scalar>
__global__ void copy_active_kernel(MatrixView<const Scalar> from, Index B, const std::int32_t* lengths,
                                   MatrixView<Scalar> to) {
  for_each_element(to.rows, to.cols,
                   [&](Index i, Index j) { to(i, j) = j / B < lengths[j % B] ? from(i, j) : Scalar(0); });
}

template <class Scalar>
__global__ void final_state_kernel(Index T, const std::int32_t* lengths, const Scalar* y, const Scalar* cells,
                                   const Scalar* h0, const Scalar* c0, MatrixView<Scalar> h, MatrixView<Scalar> c) {
  const Index H = h.rows, B = h.cols;
  for_each_element(H, B, [&](Index u, Index b) {
    const Index end = lengths ? lengths[b] : T, state = u + H * b;
    h(u, b) = end > 0 ? y[state + H * B * (end - 1)] : h0[state];
    c(u, b) = end > 0 ? cells[state + H * B * (end - 1)] : c0[state];
  });
}

template <class Scalar>
__global__ void step_cells_kernel(MatrixView<Scalar> z, MatrixView<Scalar> c, MatrixView<Scalar> h) {
  const Index H = h.rows;
  for_each_element(H, h.cols, [&](Index u, Index b) {
    Scalar cell, tanh_c, hidden;
    device_equations::lstm_cell(z(u, b), z(H + u, b), z(2 * H + u, b), z(3 * H + u, b), c(u, b), cell, tanh_c, hidden);
    c(u, b) = cell;
    h(u, b) = hidden;
  });
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

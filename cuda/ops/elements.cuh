// SPDX-License-Identifier: MIT
// What is computed number by number: a thread for each element of a matrix, going on with a stride of the whole grid,
// so that any count works. Neighbouring threads take neighbouring rows, and so touch memory in whole lines.
#pragma once

#include "../launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

/// Views of one shape become one long column each, if none has a gap between its columns: an element is then found
/// without a division.
template <class... Views>
void flatten_contiguous(Views&... a) {
  const bool gapless = ((a.stride == a.rows) && ...);
  if (gapless) ((a = Views{a.data, a.rows * a.cols, 1, a.rows * a.cols}), ...);
}

/// f(i, j) for every element of a rows x cols matrix. Launch it with per_element_config(rows * cols).
template <class F>
__device__ void for_each_element(Index rows, Index cols, F&& f) {
  const Index count = rows * cols, stride = Index{gridDim.x} * blockDim.x;
  for (Index n = Index{blockIdx.x} * blockDim.x + threadIdx.x; n < count; n += stride) {
    const Index j = cols == 1 ? 0 : n / rows;
    f(n - j * rows, j);
  }
}

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// Element-wise kernels: one thread per element of a matrix in a grid-stride loop. Neighbouring threads process
// neighbouring rows, so that accesses are coalesced.
#pragma once

#include "../launch.cuh"

namespace rondo::inline RONDO_ABI::cuda {

/// Reshapes contiguous views of the same shape to one column, so that indexing needs no division. Leaves views with
/// gaps between columns unchanged.
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

// SPDX-License-Identifier: MIT
// Copies between host and device, and within the device.
#include "../memory_calls.hpp"

#include <rondo/cuda/operations.hpp>

namespace rondo::inline RONDO_ABI {

namespace {

/// Between host and device.
template <class Scalar>
void transfer_2d(MatrixView<const Scalar> from, MatrixView<Scalar> to, cudaMemcpyKind kind) {
  if (to.rows == 0 || to.cols == 0) return;
  const auto bytes = [](Index n) { return static_cast<std::size_t>(n) * sizeof(Scalar); };
  const bool whole = from.stride == from.rows && to.stride == to.rows;
  if (whole)
    cuda::check(cudaMemcpyAsync(to.data, from.data, bytes(to.rows * to.cols), kind, cuda::context().stream),
                "cudaMemcpyAsync");
  else
    cuda::check(cudaMemcpy2DAsync(to.data, bytes(to.stride), from.data, bytes(from.stride), bytes(to.rows),
                                  static_cast<std::size_t>(to.cols), kind, cuda::context().stream),
                "cudaMemcpy2DAsync");
}

}  // namespace

template <class Scalar>
void upload(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  cuda::require_no_wait("copies from the host");
  transfer_2d<Scalar>(from, to, cudaMemcpyHostToDevice);
  // From pageable memory the bytes are staged when the call returns; from pinned memory they may not be.
  cuda::check(cudaStreamSynchronize(cuda::context().stream), "cudaStreamSynchronize");
}

template <class Scalar>
void download(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  cuda::require_no_wait("copies to the host");
  transfer_2d<Scalar>(from, to, cudaMemcpyDeviceToHost);
  cuda::check(cudaStreamSynchronize(cuda::context().stream), "cudaStreamSynchronize");
}

template <class Scalar>
void copy(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  if (to.rows == 0 || to.cols == 0) return;
  const auto bytes = [](Index n) { return static_cast<std::size_t>(n) * sizeof(Scalar); };
  const bool whole = from.stride == from.rows && to.stride == to.rows;
  const cuda::CopyCall call = whole ? cuda::CopyCall{to.data, 0, from.data, 0, bytes(to.rows * to.cols), 1}
                                    : cuda::CopyCall{to.data,        bytes(to.stride),
                                                     from.data,      bytes(from.stride),
                                                     bytes(to.rows), static_cast<std::size_t>(to.cols)};
  cuda::check(cuda::issue(call), "cudaMemcpyAsync");
}

template void upload<float>(Cuda, ConstView<float>, MatrixView<float>);
template void upload<double>(Cuda, ConstView<double>, MatrixView<double>);
template void download<float>(Cuda, ConstView<float>, MatrixView<float>);
template void download<double>(Cuda, ConstView<double>, MatrixView<double>);
template void copy<float>(Cuda, ConstView<float>, MatrixView<float>);
template void copy<double>(Cuda, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

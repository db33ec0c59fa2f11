// SPDX-License-Identifier: MIT
// Copies between host and device, and within the device.
#include "../memory_calls.hpp"

#include <rondo/cuda/operations.hpp>

namespace rondo::inline RONDO_ABI {

namespace {

/// The bytes of a matrix that is not empty; in one row if they are contiguous.
template <class Scalar>
cuda::CopyCall copy_of(MatrixView<const Scalar> from, MatrixView<Scalar> to) {
  const auto bytes = [](Index n) { return static_cast<std::size_t>(n) * sizeof(Scalar); };
  const bool whole = from.stride == from.rows && to.stride == to.rows;
  if (whole) return {to.data, 0, from.data, 0, bytes(to.rows * to.cols), 1};
  return {to.data, bytes(to.stride), from.data, bytes(from.stride), bytes(to.rows), static_cast<std::size_t>(to.cols)};
}

/// Between host and device.
template <class Scalar>
void transfer(MatrixView<const Scalar> from, MatrixView<Scalar> to, cudaMemcpyKind kind) {
  if (to.rows == 0 || to.cols == 0) return;
  const cuda::CopyCall call = copy_of(from, to);
  cuda::check(call.make(kind), call.name());
}

}  // namespace

template <class Scalar>
void upload(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  cuda::require_no_wait("copies from the host");
  transfer<Scalar>(from, to, cudaMemcpyHostToDevice);
  // From pageable memory the bytes are staged when the call returns; from pinned memory they may not be.
  cuda::check(cudaStreamSynchronize(cuda::context().stream), "cudaStreamSynchronize");
}

template <class Scalar>
void download(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  cuda::require_no_wait("copies to the host");
  transfer<Scalar>(from, to, cudaMemcpyDeviceToHost);
  cuda::check(cudaStreamSynchronize(cuda::context().stream), "cudaStreamSynchronize");
}

template <class Scalar>
void copy(Cuda, ConstView<Scalar> from, MatrixView<Scalar> to) {
  if (to.rows == 0 || to.cols == 0) return;
  const cuda::CopyCall call = copy_of(from, to);
  cuda::check(cuda::issue(call), call.name());
}

template void upload<float>(Cuda, ConstView<float>, MatrixView<float>);
template void upload<double>(Cuda, ConstView<double>, MatrixView<double>);
template void download<float>(Cuda, ConstView<float>, MatrixView<float>);
template void download<double>(Cuda, ConstView<double>, MatrixView<double>);
template void copy<float>(Cuda, ConstView<float>, MatrixView<float>);
template void copy<double>(Cuda, ConstView<double>, MatrixView<double>);

}  // namespace rondo::inline RONDO_ABI

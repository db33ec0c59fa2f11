// SPDX-License-Identifier: MIT
// What stands behind a context, and the one way to call CUDA: `check(cudaSomething(...), "cudaSomething")`. Plain C++.
#pragma once

#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/context.hpp>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// A line of source: as an argument's default, the caller's. (std::source_location, which clang 14 does not have.)
struct SourceLine {
  const char* file;
  int line;
  static constexpr SourceLine current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

/// Throws cuda::error unless the call succeeded.
void check(cudaError_t status, const char* call, SourceLine where = SourceLine::current());
void check(cublasStatus_t status, const char* call, SourceLine where = SourceLine::current());

/// Memory that an operation works in, by what it is for. An operation may use one slot for one thing at a time; what
/// lies there is lost to the next operation on the stream.
enum class Scratch { tokens, order, lengths, partial_sums, result, count };

struct Context::Impl {
  cudaStream_t stream = nullptr;
  bool owns_stream = false;
  cublasHandle_t blas = nullptr;
  detail::Memory blas_workspace;
  DeviceInfo device;
  RecurrentAlgorithm algorithm = RecurrentAlgorithm::automatic, last_algorithm = RecurrentAlgorithm::stepwise;
  Index wavefront = 0;
  std::vector<std::unique_ptr<Context>> contexts;  // what further layers and directions run on
  cudaEvent_t accumulate_after = nullptr;          // what adds to a gradient of several waits for it: see Fork
  std::array<detail::Memory, static_cast<std::size_t>(Scratch::count)> scratch;
};

/// The calling thread's.
inline Context::Impl& context() { return Context::current().impl(); }

/// `count` values of T in the scratch slot.
template <class T>
T* scratch(Scratch slot, Index count) {
  auto& memory = context().scratch[static_cast<std::size_t>(slot)];
  const auto bytes = static_cast<std::size_t>(count) * sizeof(T);
  if (bytes > memory.bytes()) memory = detail::Memory(bytes);
  return static_cast<T*>(memory.data());
}

/// `count` values from the host, in the slot. On return the host's may change.
template <class T>
const T* upload_scratch(Scratch slot, const T* host, Index count) {
  T* device = scratch<T>(slot, count);
  if (count > 0)
    check(cudaMemcpyAsync(device, host, static_cast<std::size_t>(count) * sizeof(T), cudaMemcpyHostToDevice,
                          context().stream),
          "cudaMemcpyAsync");
  return device;
}

/// Copies `count` values to the host and waits for them.
template <class T>
void fetch(const T* device, T* host, Index count) {
  check(cudaMemcpyAsync(host, device, static_cast<std::size_t>(count) * sizeof(T), cudaMemcpyDeviceToHost,
                        context().stream),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(context().stream), "cudaStreamSynchronize");
}

}  // namespace rondo::inline RONDO_ABI::cuda

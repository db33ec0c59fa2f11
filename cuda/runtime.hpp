// SPDX-License-Identifier: MIT
// Implementation of a context, and error checking of CUDA calls: `check(cudaSomething(...), "cudaSomething")`. Plain
// C++.
#pragma once

#include <rondo/cuda/buffer.hpp>
#include <rondo/cuda/context.hpp>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace rondo::inline RONDO_ABI::cuda {

/// Source location; as a default argument, that of the caller. (clang 14 lacks std::source_location.)
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

/// Workspace by purpose. An operation may use a slot for one purpose at a time; the next operation on the stream
/// overwrites it.
enum class Scratch { tokens, order, lengths, partial_sums, result, count };

/// Calls that could wait for the device, and are refused while a stream is captured, are allowed to this thread while
/// this object exists. An allocation does not disturb a capture.
class RelaxedCapture {
 public:
  RelaxedCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~RelaxedCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// Whether work on this stream is captured into a graph instead of run.
bool is_captured(cudaStream_t stream);

// ---- within a step that the calling thread runs as a graph: see step/step_record.hpp

/// Whether the thread's calls are made later, by a graph.
bool defers_calls();
/// Throws cuda::error if they are. `what` completes "the step ...".
void require_no_wait(const char* what);
/// Where the graph finds a copy of these bytes, on the device; null without one.
const void* stage_in_step(const void* host, std::size_t bytes);
/// Whether the step frees this device memory later, since its graph uses it.
bool keep_in_step(void* memory);

// ----

struct Context::Impl {
  std::uint64_t number = 0;  // unlike an address, never used again
  int device_index = 0;
  cudaStream_t stream = nullptr;
  bool owns_stream = false;
  cudaStream_t capture_stream = nullptr;  // see GraphCache; created when it is needed
  cublasHandle_t blas = nullptr;
  detail::Memory blas_workspace;
  DeviceInfo device;
  RecurrentAlgorithm algorithm = RecurrentAlgorithm::automatic, last_algorithm = RecurrentAlgorithm::stepwise;
  AlgorithmChoice choice = AlgorithmChoice::measured;
  std::string device_text;                         // see choice_store.hpp
  std::vector<std::unique_ptr<Context>> contexts;  // for further directions
  cudaEvent_t accumulate_after = nullptr;          // accumulation into a shared gradient waits for it: see Fork
  std::array<detail::Memory, static_cast<std::size_t>(Scratch::count)> scratch;
  /// By kernel, bytes of shared memory and blocks per cluster: see persistent_launch.cuh.
  std::map<std::tuple<const void*, std::size_t, unsigned>, int> resident;
  std::vector<void*> replaced_in_capture;  // device memory that a caller's graph may use

  /// Enqueues work on `to` from now on.
  void set_stream(cudaStream_t to);
};

/// The calling thread's context.
inline Context::Impl& context() { return Context::current().impl(); }

/// `count` values of T in the scratch slot.
template <class T>
T* scratch(Scratch slot, Index count) {
  auto& memory = context().scratch[static_cast<std::size_t>(slot)];
  const auto bytes = static_cast<std::size_t>(count) * sizeof(T);
  if (bytes > memory.bytes()) memory = detail::Memory(bytes);
  return static_cast<T*>(memory.data());
}

/// Copies bytes from the host. On return the host memory may change. Throws cuda::error if the stream is captured: the
/// copy would run when the graph does, from memory that is then gone.
void copy_from_host(void* device, const void* host, std::size_t bytes);

/// Copies `count` values from the host into the slot. On return the host memory may change.
template <class T>
const T* upload_scratch(Scratch slot, const T* host, Index count) {
  if (const void* staged = stage_in_step(host, static_cast<std::size_t>(count) * sizeof(T)))
    return static_cast<const T*>(staged);
  T* device = scratch<T>(slot, count);
  copy_from_host(device, host, static_cast<std::size_t>(count) * sizeof(T));
  return device;
}

/// Copies `count` values to the host and waits for them.
template <class T>
void fetch(const T* device, T* host, Index count) {
  require_no_wait("copies to the host");
  check(cudaMemcpyAsync(host, device, static_cast<std::size_t>(count) * sizeof(T), cudaMemcpyDeviceToHost,
                        context().stream),
        "cudaMemcpyAsync");
  check(cudaStreamSynchronize(context().stream), "cudaStreamSynchronize");
}

}  // namespace rondo::inline RONDO_ABI::cuda

// SPDX-License-Identifier: MIT
// Shared state of the runtime: one lock around every call, one sticky failure, the queues of the streams.
#pragma once

#include "cuda_runtime_api.h"
#include "host_cuda.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <vector>

namespace host_cuda {

using Work = std::function<void()>;

/// A capture in progress, and its result: work in the order of the host's calls, which respects every dependency.
struct Capture {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  cudaStream_t origin = nullptr;
  bool invalidated = false;
  std::vector<Work> nodes;
};

}  // namespace host_cuda

struct CUstream_st {
  std::uint64_t number = 0;      // order of creation
  int device = 0;                // current when it was created
  bool waits_for_legacy = true;  // and the legacy stream waits for it
  std::deque<host_cuda::Work> queue;
  std::uint64_t submitted = 0, done = 0;        // operations since the stream was created
  std::shared_ptr<host_cuda::Capture> capture;  // while it takes part in a capture
  std::size_t captured = 0;                     // operations that it has added to it
  bool joined = true;                           // the capture's other streams wait for all of its work
};

struct CUevent_st {
  bool timed = true;
  cudaStream_t stream = nullptr;  // of the last record; null: never recorded
  std::uint64_t after = 0;        // complete when that stream has done so many operations
  std::shared_ptr<host_cuda::Capture> capture;
  std::size_t captured = 0;                                     // the stream's, when it was recorded
  std::shared_ptr<std::chrono::steady_clock::time_point> time;  // written when the record runs
};

struct CUgraph_st {
  std::vector<host_cuda::Work> nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const std::vector<host_cuda::Work>>
      nodes;  // queued launches keep their nodes when the graph is updated
};

namespace host_cuda {

struct State {
  std::recursive_mutex lock;
  Device device;
  int devices = 1;
  cudaError_t refused_launches = cudaSuccess;  // see refuse_launches
  std::size_t graphs = 0;                      // instantiated
  bool refuses_graphs = false;
  std::size_t occupancy_queries = 0, host_waits = 0;
  bool truncates_tf32 = false;
  ClusterLaunch last_cluster_launch;
  bool others_first = false;  // see set_streams
  cudaError_t sticky = cudaSuccess;
  std::string failure;
  CUstream_st legacy;
  std::set<cudaStream_t> streams;  // created and not destroyed
  std::uint64_t streams_made = 0;
  std::set<cudaEvent_t> events;
};
State& state();

/// The calling OS thread's last error, for cudaGetLastError.
cudaError_t& last_error();
/// The calling OS thread's current device.
int& current_device();
/// Whether it is that of a stream. The legacy stream is one of each device.
inline bool on_current_device(const CUstream_st& stream) {
  return &stream == &state().legacy || stream.device == current_device();
}

/// Wraps every call of the runtime: takes the lock, stores the error.
template <class Body>
cudaError_t call(Body&& body) {
  const std::lock_guard guard(state().lock);
  cudaError_t error;
  try {
    error = body();
  } catch (const std::bad_alloc&) {
    error = cudaErrorMemoryAllocation;
  }
  if (error != cudaSuccess && error != cudaErrorNotReady) last_error() = error;
  return error;
}

/// Null for an invalid handle; the legacy stream for 0.
CUstream_st* find(cudaStream_t stream);

/// The number of the allocation in device memory that holds this address, from 1; 0: none does, or it was freed.
std::uint64_t allocation_of(const void* pointer);

/// Appends work to the stream's queue, or to the graph into which it is captured.
cudaError_t submit(cudaStream_t stream, Work work);
/// Runs the stream's work until so many operations are done; returns the sticky error.
cudaError_t advance(CUstream_st& stream, std::uint64_t until);
/// Runs all work of all streams.
cudaError_t drain();

/// The calling OS thread's mode: cudaThreadExchangeStreamCaptureMode.
cudaStreamCaptureMode& capture_mode();
/// For calls that a capture does not allow: invalidates captures in progress, and returns the error. A thread in
/// relaxed mode may make them.
cudaError_t refuse_in_capture();

/// Device memory may be accessed while an object of this class exists.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace host_cuda

// SPDX-License-Identifier: MIT
// What the parts of the runtime share: one lock around every call, one failure that sticks, the queues of the streams.
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

/// A capture in progress; also what it leaves behind: work in an order that respects every dependency, the host's.
struct Capture {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  cudaStream_t origin = nullptr;
  bool invalidated = false;
  std::vector<Work> nodes;
};

}  // namespace host_cuda

struct CUstream_st {
  std::uint64_t number = 0;      // of those made
  bool waits_for_legacy = true;  // and the legacy stream for it
  std::deque<host_cuda::Work> queue;
  std::uint64_t submitted = 0, done = 0;        // pieces of work since the stream was made
  std::shared_ptr<host_cuda::Capture> capture;  // while it takes part in one
  std::size_t captured = 0;                     // pieces of work that it has put in
  bool joined = true;                           // nothing of it that the others don't wait for
};

struct CUevent_st {
  bool timed = true;
  cudaStream_t stream = nullptr;  // of the last record; null: none yet
  std::uint64_t after = 0;        // complete when that stream has done so many
  std::shared_ptr<host_cuda::Capture> capture;
  std::size_t captured = 0;                                     // the stream's, when it was recorded
  std::shared_ptr<std::chrono::steady_clock::time_point> time;  // written when the record runs
};

struct CUgraph_st {
  std::vector<host_cuda::Work> nodes;
};
struct CUgraphExec_st {
  std::shared_ptr<const std::vector<host_cuda::Work>> nodes;  // launches that are queued keep theirs over an update
};

namespace host_cuda {

struct State {
  std::recursive_mutex lock;
  Device device;
  bool others_first = false;  // see set_streams
  cudaError_t sticky = cudaSuccess;
  std::string failure;
  CUstream_st legacy;
  std::set<cudaStream_t> streams;  // made and not destroyed
  std::uint64_t streams_made = 0;
  std::set<cudaEvent_t> events;
};
State& state();

/// The calling OS thread's last error, for cudaGetLastError.
cudaError_t& last_error();

/// Around every call of the runtime: one at a time, its error remembered.
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

/// Null for a handle of no living stream; the legacy stream for 0.
CUstream_st* find(cudaStream_t stream);

/// At the stream's end: in its queue, or in the graph that it is being captured into.
cudaError_t submit(cudaStream_t stream, Work work);
/// Runs the stream's work until so many pieces are done; returns what sticks.
cudaError_t advance(CUstream_st& stream, std::uint64_t until);
/// All work of all streams.
cudaError_t drain();

/// For calls that a capture does not allow: invalidates those in progress, and says so.
cudaError_t refuse_in_capture();

/// Device memory may be touched while one of these lives.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace host_cuda

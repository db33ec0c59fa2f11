// SPDX-License-Identifier: MIT
// Captures what a thread enqueues into a CUDA graph.
#pragma once

#include <rondo/cuda/context.hpp>

#include <memory>

struct CUgraphExec_st;

namespace rondo::inline RONDO_ABI::cuda {

/// The launches of the calling thread's context are captured, on a stream of its own, while this object exists: the
/// caller's stream may be one that cannot be captured.
class StreamCapture {
 public:
  StreamCapture();
  /// Discards what was captured, unless finish() was called.
  ~StreamCapture();
  StreamCapture(const StreamCapture&) = delete;
  StreamCapture& operator=(const StreamCapture&) = delete;

  /// The graph, executable; the caller destroys it. From here on the context has the caller's stream again, on which
  /// the graph is launched. Throws cuda::error.
  CUgraphExec_st* finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rondo::inline RONDO_ABI::cuda

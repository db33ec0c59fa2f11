// SPDX-License-Identifier: MIT
#include <rondo/cuda/stream_capture.hpp>

#include "runtime.hpp"

namespace rondo::inline RONDO_ABI::cuda {

/// The context's work goes to the stream for captures.
struct StreamCapture::State {
  State() : caller(context().stream) {
    Context::Impl& current = context();
    if (!current.capture_stream)
      check(cudaStreamCreateWithFlags(&current.capture_stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    current.set_stream(current.capture_stream);
  }
  ~State() {
    try {
      context().set_stream(caller);
    } catch (const error&) {  // the next call reports it
    }
  }

  cudaStream_t caller;
  bool finished = false;
};

StreamCapture::StreamCapture() : state_(std::make_unique<State>()) {
  check(cudaStreamBeginCapture(context().stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

StreamCapture::~StreamCapture() {
  if (!state_ || state_->finished) return;
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(context().stream, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
  cudaGetLastError();
}

CUgraphExec_st* StreamCapture::finish() {
  state_->finished = true;
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(context().stream, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  state_.reset();  // back to the caller's stream, on which the graph is launched
  return executable;
}

}  // namespace rondo::inline RONDO_ABI::cuda

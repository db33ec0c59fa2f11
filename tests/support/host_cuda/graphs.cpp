// SPDX-License-Identifier: MIT
// Stream capture and graphs: work on a captured stream is recorded, not run; a graph is that work in the order of the
// host's calls, which respects every dependency between the streams involved.
#include "runtime_state.hpp"

#include <utility>

namespace host_cuda {

cudaStreamCaptureMode& capture_mode() {
  thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

void refuse_graphs(bool refuse) {
  const std::lock_guard guard(state().lock);
  state().refuses_graphs = refuse;
}

std::size_t graphs_instantiated() {
  const std::lock_guard guard(state().lock);
  return state().graphs;
}

}  // namespace host_cuda

using namespace host_cuda;

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, capture_mode());
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call([&] {
    const CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s == &state().legacy)
      for (const CUstream_st* other : state().streams)
        if (other->waits_for_legacy && other->capture) return cudaErrorStreamCaptureImplicit;
    *status = !s->capture               ? cudaStreamCaptureStatusNone
              : s->capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                        : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call([&] {
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s == &state().legacy) return cudaErrorStreamCaptureUnsupported;
    if (s->capture) {
      s->capture->invalidated = true;
      return cudaErrorStreamCaptureInvalidated;
    }
    s->capture = std::make_shared<Capture>();
    s->capture->mode = mode;
    s->capture->origin = s;
    s->captured = 0;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call([&] {
    *graph = nullptr;
    CUstream_st* s = find(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (!s->capture || s->capture->origin != s) return cudaErrorStreamCaptureUnmatched;
    const std::shared_ptr<Capture> capture = s->capture;
    bool joined = true;
    for (CUstream_st* other : state().streams) {
      if (other->capture != capture) continue;
      if (other != s) joined = joined && other->joined;
      other->capture.reset();
    }
    if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
    if (!joined) return cudaErrorStreamCaptureUnjoined;
    *graph = new CUgraph_st{std::move(capture->nodes)};
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return call([&] {
    if (!graph || flags != 0) return cudaErrorInvalidValue;
    if (state().refuses_graphs) return cudaErrorNotSupported;
    ++state().graphs;
    *executable = new CUgraphExec_st{std::make_shared<const std::vector<Work>>(graph->nodes)};
    return cudaSuccess;
  });
}

/// Here graphs with the same number of nodes have the same topology; a GPU also compares the type of nodes and their
/// dependencies.
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* result) {
  return call([&] {
    if (!executable || !graph || !result) return cudaErrorInvalidValue;
    *result = {};
    if (executable->nodes->size() != graph->nodes.size()) {
      result->result = cudaGraphExecUpdateErrorTopologyChanged;
      return cudaErrorGraphExecUpdateFailure;
    }
    executable->nodes = std::make_shared<const std::vector<Work>>(graph->nodes);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call([&] {
    if (!executable) return cudaErrorInvalidValue;
    return submit(stream, [nodes = executable->nodes] {
      for (const Work& node : *nodes) node();
    });
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call([&] {
    delete graph;
    return graph ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return call([&] {
    delete executable;
    return executable ? cudaSuccess : cudaErrorInvalidValue;
  });
}

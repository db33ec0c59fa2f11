// SPDX-License-Identifier: MIT
// The launches of a pass as a CUDA graph: one launch instead of T products and T kernels.
#include "../runtime.hpp"

#include <rondo/cuda/recurrent.hpp>

namespace rondo::inline RONDO_ABI::cuda {

Graph::~Graph() {
  if (executable_) cudaGraphExecDestroy(executable_);
}

void Graph::begin_capture() {
  check(cudaStreamBeginCapture(context().stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

void Graph::abandon_capture() {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(context().stream, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void Graph::end_capture() {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(context().stream, &graph), "cudaStreamEndCapture");
  if (executable_) cudaGraphExecDestroy(executable_);
  executable_ = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
}

void Graph::replay() { check(cudaGraphLaunch(executable_, context().stream), "cudaGraphLaunch"); }

}  // namespace rondo::inline RONDO_ABI::cuda
